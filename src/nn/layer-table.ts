import { elementCount } from "../core/index.ts";
import { buildGraph, currentScope, input, multiplyAdds, type Node, type Value } from "../graph/index.ts";
import { family, type ModelConfig } from "./families/index.ts";
import { evaluation, type ParameterScope } from "./forward.ts";

/** One layer of a model as it stands in the definition, before anything is folded. */
export interface Layer {
  /** Dotted path of the module: `layer1.0.conv2`. */
  readonly name: string;
  /** ONNX operator. */
  readonly op: string;
  /** Kernel, groups, stride and dilation where they say something: `3x3 g32 /2`. */
  readonly detail: string;
  /** Shape of its output for one image. */
  readonly output: readonly number[];
  /** Trained parameters. */
  readonly parameters: number;
  /** Multiplications with addition for one image. */
  readonly multiplyAdds: number;
}

/** The layers of a model in the order of computation, for one image of `inputSize` pixels. */
export function layerTable(config: ModelConfig, inputSize: number = 224): readonly Layer[] {
  const buffers = new Set<Value>();
  const parameters: ParameterScope = (name, dims, _, kind) => {
    const value = input(`${currentScope()}.${name}`, "float32", dims);
    if (kind === "buffer") buffers.add(value);
    return value;
  };
  const images = input("images", "float32", [1, config.inChannels, inputSize, inputSize]);
  const outputs = family.build(config, images, evaluation(parameters));
  const graph = buildGraph({ result: (outputs.logits ?? outputs.embedding)! });
  return graph.nodes.map((node) => describe(node, images, buffers));
}

function describe(node: Node, images: Value, buffers: ReadonlySet<Value>): Layer {
  const own = node.inputs.filter(
    (value): value is Value => value?.source.kind === "input" && value !== images && !buffers.has(value),
  );
  const output = node.outputs[0]!.shape as readonly number[];
  return {
    name: node.scope,
    op: node.op.type,
    detail: detail(node),
    output,
    parameters: own.reduce((sum, { shape }) => sum + elementCount(shape as readonly number[]), 0),
    multiplyAdds: multiplyAdds(node),
  };
}

function detail({ op, inputs, attributes }: Node): string {
  const list = (name: string): readonly number[] => (attributes[name] ?? []) as readonly number[];
  const kernel = op.type === "Conv" ? (inputs[1]!.shape.slice(2) as readonly number[]) : list("kernel_shape");
  const group = (attributes["group"] as number | undefined) ?? 1;
  const [stride = 1] = list("strides");
  const [dilation = 1] = list("dilations");
  return [
    kernel.join("x"),
    group > 1 ? `g${group}` : "",
    stride > 1 ? `/${stride}` : "",
    dilation > 1 ? `d${dilation}` : "",
  ]
    .filter((part) => part !== "")
    .join(" ");
}
