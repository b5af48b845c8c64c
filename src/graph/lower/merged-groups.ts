import { tensor, type TensorSource } from "../../core/index.ts";
import { rewrite, type Graph } from "../graph.ts";
import { conv, Conv } from "../ops/convolution.ts";
import { mul } from "../ops/elementwise.ts";
import { reshape } from "../ops/layout.ts";
import { applies, constant, float32, lengthOf, value4d, type Float, type Four } from "../value.ts";

/** Groups of a convolution as blocked kernels take them. */
export interface MergedGroups {
  /** Neighbouring groups that become one, with a block-diagonal weight. */
  readonly factor: number;
  /** Groups that are left. */
  readonly groups: number;
}

/**
 * The fewest neighbouring groups that fill whole blocks together.
 *
 * @param shape Of the weight: [O, C / group, h, w].
 * @returns `undefined` when no number of them does.
 */
export function mergedGroups([out, perGroup]: Four, group: number, block: number): MergedGroups | undefined {
  for (let factor = 1; factor <= group; factor++) {
    const fills = (perGroup * factor) % block === 0 && ((out / group) * factor) % block === 0;
    if (fills && group % factor === 0) return { factor, groups: group / factor };
  }
  return undefined;
}

/** [O, C / group, h, w] for fewer, wider groups: zeros where an output does not see a channel. */
export function blockDiagonal(weight: Float, { factor, groups }: MergedGroups): Float {
  if (factor === 1) return weight;
  const [out, perGroup, height, width] = value4d(weight).shape;
  const filters = out / groups / factor;
  const spread = reshape(weight, [groups, factor, filters, 1, perGroup * height * width]);
  const merged = mul(spread, float32(identity(factor), [factor, 1, factor, 1]));
  return reshape(merged, [out, factor * perGroup, height, width]);
}

/** Rows and columns of an identity matrix, one after the other. */
export const identity = (size: number): readonly number[] =>
  Array.from({ length: size * size }, (_, index) => (index % (size + 1) === 0 ? 1 : 0));

/** The same for a weight that is stored: it is merged when it is read. */
export function storedBlockDiagonal(
  weight: TensorSource<"float32">,
  { factor, groups }: MergedGroups,
): TensorSource<"float32"> {
  if (factor === 1) return weight;
  const [out = 1, perGroup = 1, ...kernel] = weight.dims;
  const dims = [out, perGroup * factor, ...kernel];
  return {
    dtype: "float32",
    dims,
    async load() {
      const { data } = await weight.load();
      const filter = data.length / out;
      const merged = new Float32Array(data.length * factor);
      for (let o = 0; o < out; o++) {
        const position = Math.floor(o / (out / groups / factor)) % factor;
        merged.set(data.subarray(o * filter, (o + 1) * filter), (o * factor + position) * filter);
      }
      return tensor("float32", dims, merged);
    },
  };
}

/**
 * Merges neighbouring groups of grouped convolutions with constant weights until each has `channels` input channels.
 *
 * The merged weight is block-diagonal, so the result is the same; kernels are faster with groups that fill them.
 */
export function mergeGroups(graph: Graph, channels: number): Graph {
  return rewrite(graph, (node, [x, weight, bias]) => {
    if (!applies(node, Conv) || weight?.source.kind !== "constant" || weight.dtype !== "float32")
      return undefined;
    const { group = 1 } = node.attributes;
    const perGroup = lengthOf(weight, 1);
    const factor = Math.min(group, Math.floor(channels / perGroup));
    // A depthwise convolution has a fast path of its own.
    if (perGroup === 1 || factor < 2 || group % factor !== 0) return undefined;
    const { tensor: narrow, name } = weight.source;
    const groups = group / factor;
    const wide = storedBlockDiagonal(narrow as TensorSource<"float32">, { factor, groups });
    const attributes = { ...node.attributes, group: groups };
    return [conv(x as Float, constant(wide, name), bias as Float | undefined, attributes)];
  });
}
