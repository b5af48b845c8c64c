import type { OpType } from "../../ops/index.ts";
import { add } from "./add.ts";
import { batchNormFrozen, batchNormTraining, batchNormTrainingGrad } from "./batch-norm.ts";
import { conv } from "./conv.ts";
import { convInputGrad } from "./conv-input-grad.ts";
import { convWeightGrad } from "./conv-weight-grad.ts";
import { expand } from "./expand.ts";
import { elementwise } from "./elementwise.ts";
import { maxPool, maxPoolGrad } from "./max-pool.ts";
import { globalAveragePool } from "./global-average-pool.ts";
import { relu, reluGrad } from "./relu.ts";
import type { BlockedRule } from "./rule.ts";
import { sgdUpdate } from "./sgd-update.ts";

/** The rule of every op that has blocked kernels, or that can be written in some. */
export const blockedRules: Readonly<Partial<Record<OpType, BlockedRule>>> = {
  Add: add,
  BatchNormTraining: batchNormTraining,
  BatchNormTrainingGrad: batchNormTrainingGrad,
  BatchNormalization: batchNormFrozen,
  Conv: conv,
  ConvInputGrad: convInputGrad,
  ConvWeightGrad: convWeightGrad,
  Expand: expand,
  GlobalAveragePool: globalAveragePool,
  MaxPool: maxPool,
  MaxPoolGrad: maxPoolGrad,
  Mul: elementwise,
  Relu: relu,
  ReluGrad: reluGrad,
  SgdUpdate: sgdUpdate,
};
