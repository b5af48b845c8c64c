import { bytesPerElement, elementCount, WeightsError } from "../../core/index.ts";
import type { StateDict, TensorSource } from "../../core/index.ts";
import { dtypeNames, metadataKey, type HeaderEntry } from "./header.ts";

/** A safetensors file on its way out. */
export interface EncodedSafetensors {
  /** Length of the whole file in bytes. */
  readonly size: number;
  /** The file from start to end; tensors are loaded one at a time, anew for each iteration. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/**
 * Writes tensors as a safetensors file. The same tensors and metadata in the same order give the same bytes. The
 * header, padded with spaces to a multiple of 8, lists tensors in the given order; the data lies by falling width
 * of element, so that every tensor is aligned.
 *
 * @throws WeightsError `weights/invalid-name` for a tensor called `__metadata__`
 */
export function encodeSafetensors(
  tensors: StateDict,
  metadata: Readonly<Record<string, string>> = {},
): EncodedSafetensors {
  if (tensors.has(metadataKey)) {
    throw new WeightsError("weights/invalid-name", `safetensors: no tensor can be called ${metadataKey}.`);
  }
  const stored = [...tensors].sort(([, a], [, b]) => bytesPerElement(b.dtype) - bytesPerElement(a.dtype));
  const offsets = new Map<string, readonly [number, number]>();
  let end = 0;
  for (const [name, source] of stored) {
    const begin = end;
    end += byteCount(source);
    offsets.set(name, [begin, end]);
  }
  const entries = [...tensors].map(([name, { dtype, dims }]): [string, HeaderEntry] => [
    name,
    { dtype: dtypeNames[dtype], shape: dims, data_offsets: offsets.get(name)! },
  ]);
  const head = encodeHeader(entries, metadata);
  return {
    size: head.byteLength + end,
    chunks: { [Symbol.asyncIterator]: () => chunksOf(head, stored) },
  };
}

function byteCount({ dtype, dims }: TensorSource): number {
  return elementCount(dims) * bytesPerElement(dtype);
}

function encodeHeader(
  entries: readonly (readonly [string, HeaderEntry])[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const sorted = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  const header = Object.fromEntries([
    ...(sorted.length > 0 ? [[metadataKey, Object.fromEntries(sorted)] as const] : []),
    ...entries,
  ]);
  const json = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(json.byteLength / 8) * 8;
  const head = new Uint8Array(8 + length).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(json, 8);
  return head;
}

async function* chunksOf(
  head: Uint8Array,
  stored: readonly (readonly [string, TensorSource])[],
): AsyncGenerator<Uint8Array> {
  yield head;
  for (const [name, source] of stored) {
    const { data } = await source.load();
    if (data.byteLength !== byteCount(source)) {
      throw new WeightsError(
        "weights/invalid-tensor",
        `safetensors: ${name} of shape [${source.dims.join(", ")}] loaded ${data.byteLength} bytes, ` +
          `expected ${byteCount(source)}.`,
      );
    }
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}
