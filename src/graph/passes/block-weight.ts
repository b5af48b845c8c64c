import { tensor, type TensorSource } from "../../core/index.ts";

type Weights = TensorSource<"float32">;

/**
 * Stores a convolution's weight [O, I, h, w] as ONNX Runtime's blocked kernels read it:
 * [O / block, I / block, h, w, block of I, block of O], or, where the input is not blocked,
 * [O / block, I, h, w, block of O]. The tensor keeps its logical shape.
 */
export function blockWeight(weight: Weights, block: number, inputIsBlocked: boolean): Weights {
  const [out, channels, height, width] = weight.dims as [number, number, number, number];
  const taps = height * width;
  const inner = inputIsBlocked ? block : 1;
  return {
    dtype: "float32",
    dims: weight.dims,
    async load() {
      const { data } = await weight.load();
      const blocked = new Float32Array(data.length);
      let position = 0;
      for (let o = 0; o < out; o += block) {
        for (let c = 0; c < channels; c += inner) {
          for (let tap = 0; tap < taps; tap++) {
            for (let i = c; i < c + inner; i++) {
              for (let b = o; b < o + block; b++)
                blocked[position++] = data[(b * channels + i) * taps + tap]!;
            }
          }
        }
      }
      return tensor("float32", weight.dims, blocked);
    },
  };
}
