import { DataError } from "../../core/index.ts";

/** The records "LENGTH KEY=VALUE\n" of a PAX extended header. */
export function parsePaxRecords(bytes: Uint8Array, where: string): ReadonlyMap<string, string> {
  const text = new TextDecoder();
  const records = new Map<string, string>();
  let offset = 0;
  while (offset < bytes.byteLength) {
    const space = bytes.indexOf(0x20, offset);
    const digits = space < 0 ? "" : text.decode(bytes.subarray(offset, space));
    const length = /^\d{1,8}$/.test(digits) ? Number(digits) : 0;
    const end = offset + length;
    const equals = bytes.indexOf(0x3d, space);
    if (
      end <= space + 1 ||
      end > bytes.byteLength ||
      bytes[end - 1] !== 0x0a ||
      equals < 0 ||
      equals >= end
    ) {
      throw new DataError(
        "data/tar-pax",
        `${where}: the PAX record at byte ${offset} of the extended header is malformed. The archive is damaged.`,
      );
    }
    records.set(
      text.decode(bytes.subarray(space + 1, equals)),
      text.decode(bytes.subarray(equals + 1, end - 1)),
    );
    offset = end;
  }
  return records;
}
