import type { OpType } from "../ops/index.ts";
import type { Node, Value } from "../value.ts";

export type Float = Value<"float32">;

/** Ops of our own, which a lowering expresses in ops that a runtime knows. */
export type CompositeOpType = Extract<
  OpType,
  | "BatchNormTraining"
  | "BatchNormTrainingGrad"
  | "ConvInputGrad"
  | "ConvWeightGrad"
  | "MaxPoolGrad"
  | "ReluGrad"
  | "SgdUpdate"
  | "SoftmaxCrossEntropy"
>;

/** Gives a node's outputs in simpler ops, from its lowered inputs. */
export type Lowering = (inputs: readonly Float[], node: Node) => readonly Float[];

/** How a target expresses every op of our own. */
export type LoweringTable = Readonly<Record<CompositeOpType, Lowering>>;
