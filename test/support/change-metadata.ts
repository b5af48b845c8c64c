import { readFileSync, writeFileSync } from "node:fs";

type Values = Readonly<Record<string, unknown>>;

/** Changes one entry of a safetensors file's metadata, which is JSON; a file without it stays as it is. */
export function changeMetadata(path: string, entry: string, change: (values: Values) => Values): void {
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Values;
  const metadata = header["__metadata__"] as Readonly<Record<string, string>>;
  const text = metadata[entry];
  if (text === undefined) return;
  const value = JSON.stringify(change(JSON.parse(text) as Values));
  const changed = Buffer.from(
    JSON.stringify({ ...header, ["__metadata__"]: { ...metadata, [entry]: value } }),
  );
  const size = Buffer.alloc(8);
  // Elements begin at multiples of eight bytes.
  const padded = Buffer.concat([changed, Buffer.alloc((8 - (changed.length % 8)) % 8, " ")]);
  size.writeBigUInt64LE(BigInt(padded.length));
  writeFileSync(path, Buffer.concat([size, padded, bytes.subarray(8 + length)]));
}
