import { allocate, bytesPerElement, elementCount, viewAs } from "../../core/index.ts";
import type { ByteSource, DType, TensorSource } from "../../core/index.ts";
import type { PickledTensor } from "../pickle/index.ts";
import { readRange, refuse } from "../refuse.ts";
import { copyStrided, isContiguous } from "./copy-strided.ts";

/** An expanded tensor may hold more elements than its storage, but not more than this or the whole file. */
const smallEnough = 1 << 20;

/**
 * A tensor over the bytes of its storage, which start at `storageOffset` in the file.
 *
 * @throws WeightsError `weights/invalid-tensor` when it would take more memory than the file justifies
 */
export function stridedSource(
  source: ByteSource,
  name: string,
  tensor: PickledTensor,
  storageOffset: number,
): TensorSource {
  const { storage, dims, strides } = tensor;
  const { dtype } = storage;
  const width = bytesPerElement(dtype);
  const count = elementCount(dims);
  if (count * width > Math.max(source.size, smallEnough)) {
    throw refuse(
      source.name,
      "invalid-tensor",
      `${name} claims shape [${dims.join(", ")}], ${count * width} bytes, more than the file holds.`,
    );
  }
  const begin = storageOffset + (storage.start + tensor.offset) * width;
  const span = count === 0 ? 0 : dims.reduce((sum, dim, axis) => sum + (dim - 1) * strides[axis]!, 1);

  const load = async (): Promise<ReturnType<typeof dense<DType>>> => {
    const elements = viewAs(dtype, await readRange(source, begin, span * width, name));
    if (count === 0 || isContiguous(dims, strides)) return dense(dtype, dims, elements);
    const data = allocate(dtype, count);
    copyStrided(elements, data, dims, strides);
    return dense(dtype, dims, data);
  };
  return { dtype, dims, load };
}

function dense<D extends DType>(dtype: D, dims: readonly number[], data: ReturnType<typeof allocate<D>>) {
  return { dtype, dims, data };
}
