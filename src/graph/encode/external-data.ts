import { bytesPerElement, elementCount, type TensorSource } from "../../core/index.ts";

/** ONNX Runtime maps external data into memory, which needs page-aligned offsets. */
const alignment = 4096;

/** Smaller tensors stay inside the model. */
const smallest = 1024;

export interface Placement {
  readonly offset: number;
  readonly length: number;
}

/** Bytes that a tensor takes. */
export function byteLength({ dtype, dims }: TensorSource): number {
  return bytesPerElement(dtype) * elementCount(dims);
}

/** Where each of the tensors that leave the model lies in the weights file. */
export function placeExternalData(tensors: readonly TensorSource[]): ReadonlyMap<TensorSource, Placement> {
  const placements = new Map<TensorSource, Placement>();
  let end = 0;
  for (const tensor of tensors) {
    const length = byteLength(tensor);
    // A tensor that two constants share is written once.
    if (length < smallest || placements.has(tensor)) continue;
    const offset = Math.ceil(end / alignment) * alignment;
    placements.set(tensor, { offset, length });
    end = offset + length;
  }
  return placements;
}

/** Bytes of the weights file, read one tensor at a time. */
export async function* externalDataChunks(
  placements: ReadonlyMap<TensorSource, Placement>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let position = 0;
  for (const [tensor, { offset, length }] of placements) {
    if (offset > position) yield new Uint8Array(offset - position);
    yield await tensorBytes(tensor);
    position = offset + length;
  }
}

/** Elements of a tensor as ONNX's little-endian raw data. */
export async function tensorBytes(tensor: TensorSource): Promise<Uint8Array<ArrayBuffer>> {
  const { data } = await tensor.load();
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
