import { batchNormFrozen, batchNormTraining, batchNormTrainingGrad } from "./batch-norm.ts";
import { computedWeight } from "./blocked-weight.ts";
import { convInputGrad, convWeightGrad, maxPoolGrad } from "./conv-weight-grad.ts";
import { elementwise, expand, forwardRules, globalAveragePool, reluGrad, sgdUpdate } from "./forward.ts";
import { plain, type BlockedTarget } from "./rule.ts";

/**
 * Training: weights change with every step, and are brought into blocked order by the graph.
 *
 * Activations and their gradients stay in blocks of channels from the stem to the pooled features. Profiles name
 * nodes by their scope: the op says which part of a layer's work this is.
 */
export const blockedTraining: BlockedTarget = {
  rules: {
    ...forwardRules,
    BatchNormTraining: batchNormTraining,
    BatchNormTrainingGrad: batchNormTrainingGrad,
    BatchNormalization: batchNormFrozen,
    ConvInputGrad: convInputGrad,
    ConvWeightGrad: convWeightGrad,
    Expand: expand,
    GlobalAveragePool: globalAveragePool(plain),
    MaxPoolGrad: maxPoolGrad,
    Mul: elementwise,
    ReluGrad: reluGrad,
    SgdUpdate: sgdUpdate,
  },
  weight: computedWeight,
  scopeOf: (node, convolution) => convolution?.scope ?? `${node.scope}.${node.op.type}`,
};
