import type { EpochRecord } from "../report/index.ts";

/** The epochs of a run with the columns of timm's `summary.csv`; empty cells without validation. */
export function summaryCsv(epochs: readonly EpochRecord[]): string {
  const rows = epochs.map(({ epoch, trainLoss, valLoss, valTop1, valTop5, learningRate }) =>
    // timm counts epochs from 0.
    [epoch - 1, trainLoss, valLoss, valTop1, valTop5, learningRate].map((cell) => cell ?? "").join(","),
  );
  return ["epoch,train_loss,eval_loss,eval_top1,eval_top5,lr", ...rows].map((row) => `${row}\n`).join("");
}
