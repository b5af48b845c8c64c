import { fromBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, type ValueInfoProto } from "onnx-buf";
import { GraphError, type DType } from "../../core/index.ts";
import { onnxType } from "../onnx-type.ts";
import type { Dim, Shape } from "../value.ts";

/** An input or output of a model. */
export interface ModelValue {
  readonly name: string;
  /** `undefined` for what this package has no name for. */
  readonly dtype: DType | undefined;
  readonly shape: Shape;
}

/** What an ONNX model says of itself. */
export interface ModelInterface {
  readonly metadata: Readonly<Record<string, string>>;
  readonly inputs: readonly ModelValue[];
  readonly outputs: readonly ModelValue[];
}

/**
 * Reads what goes into an ONNX model, what comes out, and its metadata.
 *
 * @param name What an error calls the model.
 * @throws GraphError `graph/not-onnx` for bytes that are no model.
 */
export function readModelInterface(bytes: Uint8Array, name: string): ModelInterface {
  try {
    const { graph, metadataProps } = fromBinary(ModelProtoSchema, bytes);
    if (!graph || graph.output.length === 0) throw new TypeError("it holds no graph");
    return {
      metadata: Object.fromEntries(metadataProps.map(({ key, value }) => [key, value])),
      inputs: graph.input.map(modelValue),
      outputs: graph.output.map(modelValue),
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GraphError("graph/not-onnx", `${name} is no ONNX model: ${reason}.`, { cause });
  }
}

function modelValue({ name, type }: ValueInfoProto): ModelValue {
  const tensor = type?.value.case === "tensorType" ? type.value.value : undefined;
  const dtype = Object.entries(onnxType).find(([, code]) => code === tensor?.elemType)?.[0];
  const shape = (tensor?.shape?.dim ?? []).map(({ value }): Dim => {
    if (value.case === "dimValue") return Number(value.value);
    return value.case === "dimParam" ? value.value : "?";
  });
  return { name, dtype: dtype as DType | undefined, shape };
}
