import { tensor, type TensorSource } from "../../core/index.ts";
import { atScope } from "../apply.ts";
import { countUses, rewrite, type Graph } from "../graph.ts";
import { Conv, conv } from "../ops/convolution.ts";
import { BatchNormalization } from "../ops/reduction.ts";
import { applies, constant, type Float, type Node, type Value } from "../value.ts";

type Weights = TensorSource<"float32">;

/**
 * Folds every batch normalisation that follows a convolution with constant weights into that convolution.
 *
 * y = g (W x - m) / sqrt(v + e) + b  becomes  y = (s W) x + (b - s m)  with  s = g / sqrt(v + e).
 * Factors are computed in float64; the new weights are computed one layer at a time, when they are read.
 */
export function foldBatchNorm(graph: Graph): Graph {
  const uses = countUses(graph);
  return rewrite(graph, (node, inputs) => {
    const before = node.inputs[0];
    if (!applies(node, BatchNormalization) || !before || uses.get(before) !== 1) return undefined;
    const convolution = producer(inputs[0]);
    if (!convolution || !applies(convolution, Conv) || convolution.inputs.length !== 2) return undefined;
    const weight = constantOf(convolution.inputs[1]);
    const [scale, bias, mean, variance] = inputs.slice(1).map(constantOf);
    if (!weight || !scale || !bias || !mean || !variance) return undefined;

    const { epsilon } = node.attributes;
    const factors = async (): Promise<Float64Array> => {
      const [g, v] = [(await scale.tensor.load()).data, (await variance.tensor.load()).data];
      return Float64Array.from(g, (value, channel) => value / Math.sqrt(v[channel]! + epsilon));
    };
    const folded = atScope(convolution.scope, () =>
      conv(
        convolution.inputs[0] as Float,
        constant(scaledRows(weight.tensor, factors), weight.name),
        constant(shiftedBias(bias.tensor, mean.tensor, factors), weight.name?.replace(/weight$/, "bias")),
        convolution.attributes,
      ),
    );
    return [folded];
  });
}

function producer(value: Value | undefined): Node | undefined {
  return value?.source.kind === "node" ? value.source.node : undefined;
}

function constantOf(value: Value | undefined): { tensor: Weights; name: string | undefined } | undefined {
  if (value?.source.kind !== "constant" || value.dtype !== "float32") return undefined;
  return { tensor: value.source.tensor as Weights, name: value.source.name };
}

/** W[o, ...] · s[o] */
function scaledRows(weight: Weights, factors: () => Promise<Float64Array>): Weights {
  return {
    dtype: "float32",
    dims: weight.dims,
    async load() {
      const { data } = await weight.load();
      const scale = await factors();
      const row = data.length / scale.length;
      const scaled = new Float32Array(data.length);
      for (const [channel, factor] of scale.entries()) {
        for (let i = channel * row; i < (channel + 1) * row; i++) scaled[i] = data[i]! * factor;
      }
      return tensor("float32", weight.dims, scaled);
    },
  };
}

/** b - s · m */
function shiftedBias(bias: Weights, mean: Weights, factors: () => Promise<Float64Array>): Weights {
  return {
    dtype: "float32",
    dims: bias.dims,
    async load() {
      const [b, m, scale] = [(await bias.load()).data, (await mean.load()).data, await factors()];
      return tensor(
        "float32",
        bias.dims,
        b.map((value, channel) => value - scale[channel]! * m[channel]!),
      );
    },
  };
}
