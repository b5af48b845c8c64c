import { tensor, type TensorSource } from "../../core/index.ts";
import type { Graph } from "../graph.ts";
import { conv, ops } from "../ops/index.ts";
import { rewrite } from "../rewrite.ts";
import { constant, type Value } from "../value.ts";

type Weights = TensorSource<"float32">;

/**
 * Merges neighbouring groups of grouped convolutions until each has `channels` input channels.
 *
 * The merged weight is block-diagonal, so the result is the same; ONNX Runtime's blocked CPU convolution
 * takes groups of a whole SIMD block only and falls back to a slow path for narrower ones.
 */
export function mergeGroups(graph: Graph, channels: number): Graph {
  return rewrite(graph, (node, [x, weight, bias]) => {
    const group = (node.attributes["group"] as number | undefined) ?? 1;
    if (node.op !== ops.Conv || group === 1) return undefined;
    if (weight?.source.kind !== "constant" || weight.dtype !== "float32") return undefined;
    const perGroup = weight.shape[1] as number;
    const factor = Math.min(group, Math.floor(channels / perGroup));
    // A depthwise convolution has a fast path of its own.
    if (perGroup === 1 || factor < 2 || group % factor !== 0) return undefined;
    const { tensor: narrow, name } = weight.source;
    return [
      conv(
        x as Value<"float32">,
        constant(blockDiagonal(narrow as Weights, group, factor), name),
        bias as Value<"float32"> | undefined,
        { ...node.attributes, group: group / factor },
      ),
    ];
  });
}

/** Places each filter of [O, C, ...] at its own group's channels within [O, C · factor, ...]. */
function blockDiagonal(weight: Weights, group: number, factor: number): Weights {
  const [out, perGroup, ...kernel] = weight.dims as [number, number, ...number[]];
  const dims = [out, perGroup * factor, ...kernel];
  return {
    dtype: "float32",
    dims,
    async load() {
      const { data } = await weight.load();
      const filter = data.length / out;
      const merged = new Float32Array(data.length * factor);
      for (let o = 0; o < out; o++) {
        const position = Math.floor(o / (out / group)) % factor;
        merged.set(data.subarray(o * filter, (o + 1) * filter), (o * factor + position) * filter);
      }
      return tensor("float32", dims, merged);
    },
  };
}
