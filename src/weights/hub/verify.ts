import { WeightsError, type ByteSource } from "../../core/index.ts";
import type { WeightSource } from "./weight-source.ts";

/** Compares the SHA-256 of a download with the digits that are known of it. */
export function checkSha256(source: WeightSource, sha256: string, expected: string | undefined): void {
  if (expected === undefined || sha256.startsWith(expected)) return;
  throw new WeightsError(
    "weights/checksum-mismatch",
    `${source.url}: expected a file whose SHA-256 begins with ${expected}, received ${sha256}. ` +
      "The download was removed; a proxy may have changed it, or the server holds another file.",
  );
}

/** Longest safetensors header that the format's reference implementation accepts. */
const longestHeader = 100_000_000;

/** Checks that a safetensors file is as long as its header says: what stands in for a checksum. */
export async function checkSafetensorsLength(source: WeightSource, bytes: ByteSource): Promise<void> {
  const expected = await safetensorsLength(bytes);
  if (expected === bytes.size) return;
  throw new WeightsError(
    "weights/not-safetensors",
    `${source.url}: expected a safetensors file, received ${bytes.size} bytes ` +
      (expected === undefined ? "without its header. " : `whose header describes ${expected}. `) +
      "The download was removed; a proxy or a login page may have answered in its place.",
  );
}

async function safetensorsLength(bytes: ByteSource): Promise<number | undefined> {
  if (bytes.size < 8) return undefined;
  const prefix = await bytes.read(0, 8);
  const length = Number(new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true));
  if (length > longestHeader || 8 + length > bytes.size) return undefined;
  try {
    const header = JSON.parse(new TextDecoder().decode(await bytes.read(8, length))) as object;
    const ends = Object.values(header).map((entry: { data_offsets?: unknown } | null) => {
      const offsets = entry?.data_offsets;
      return Array.isArray(offsets) && typeof offsets[1] === "number" ? offsets[1] : 0;
    });
    return 8 + length + ends.reduce((end, other) => Math.max(end, other), 0);
  } catch {
    return undefined;
  }
}
