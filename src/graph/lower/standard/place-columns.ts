import { float32, matMul, reshape } from "../../ops/index.ts";
import type { Float } from "../lowering.ts";

/**
 * Moves each column of [N, C, H, W] to a position of its own, with zeros where none comes: a product with zeros
 * and ones, several times faster than Pad with its single thread. Columns outside of [0, columns) are left out.
 */
export function placeColumns(x: Float, columns: number, position: (column: number) => number): Float {
  const [n, channels, height, width] = x.shape as [number, number, number, number];
  const matrix = new Float32Array(width * columns);
  for (let column = 0; column < width; column++) {
    const target = position(column);
    if (target >= 0 && target < columns) matrix[column * columns + target] = 1;
  }
  // One large product: the batch of a MatMul is many small ones.
  const rows = reshape(x, [n * channels * height, width]);
  return reshape(matMul(rows, float32([...matrix], [width, columns])), [n, channels, height, columns]);
}
