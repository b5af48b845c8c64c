export { accuracyMeter, bestRankOf, type Accuracy, type AccuracyMeter } from "./accuracy.ts";
export { parseClassSubset, restrictToSubset, type ClassSubset } from "./class-subset.ts";
export {
  confusionMatrix,
  countPrediction,
  worstConfusions,
  type Confusion,
  type ConfusionMatrix,
} from "./confusion-matrix.ts";
export { crossEntropy } from "./cross-entropy.ts";
export { perClass, type ClassReport } from "./per-class.ts";
export { softmax } from "./softmax.ts";
export { rankOf, topk, type Ranked } from "./topk.ts";
