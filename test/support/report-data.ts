import { seededRandom } from "../../src/core/index.ts";
import {
  confusionMatrix,
  countPrediction,
  fitConfidence,
  type ConfusionMatrix,
} from "../../src/predict/index.ts";
import type { EpochRecord, Sureness, TrainingReportData } from "../../src/train/index.ts";

/** A matrix in which most images of each class are right. */
export function seededConfusion(classes: number, imagesPerClass: number): ConfusionMatrix {
  const random = seededRandom(5);
  const matrix = confusionMatrix(classes);
  for (let image = 0; image < classes * imagesPerClass; image++) {
    const target = image % classes;
    countPrediction(matrix, target, random.uniform() < 0.7 ? target : random.integer(classes));
  }
  return matrix;
}

/** How sure a model of two classes is that is too sure, by as many images out of fold. */
export function seededSureness(images: number, fittedTo: string): Sureness {
  const random = seededRandom(7);
  const answers = Array.from({ length: images }, () => {
    const logit = 3 * random.normal();
    const target = random.uniform() < 1 / (1 + Math.exp(-logit / 3)) ? 0 : 1;
    return { logits: [logit, 0], target };
  });
  return fitConfidence(answers, fittedTo);
}

/** What a run of two epochs with validation reports. */
export function reportData(classes: readonly string[]): TrainingReportData {
  const epochs: readonly EpochRecord[] = [1, 2].map((epoch) => ({
    epoch,
    imagesProcessed: 3600 * epoch,
    trainLoss: 2 / epoch,
    trainTop1: 40 * epoch,
    learningRate: 0.1,
    valLoss: 2.2 / epoch,
    valTop1: 35 * epoch,
    valTop5: 48 * epoch,
    imagesPerSecond: 400,
    peakMemoryBytes: 1.85e9,
  }));
  return {
    title: "run 42",
    summary: "A summary.",
    classes,
    epochs,
    steps: Array.from({ length: 2000 }, (_, step) => ({
      imagesProcessed: 3.6 * (step + 1),
      loss: 2 - step / 2000,
      learningRate: 0.1,
    })),
    validation: {
      data: "val/",
      top1: 70,
      top5: 96,
      confusion: seededConfusion(classes.length, 20),
      failed: 1,
      mistakes: [{ id: classes[0]!, target: 0, predicted: 1, probability: 0.987, thumbnail: onePixel }],
    },
    sureness: seededSureness(400, classes[0]!),
    recipe: [{ name: "batchSize", value: 128 }],
    provenance: [{ name: "data", value: classes[0]! }],
    machine: [{ name: "cores", value: 2 }],
  };
}

const onePixel =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
