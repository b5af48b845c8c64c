import type { ResNetConfig } from "../../src/nn/index.ts";
import type { Device } from "../../src/runtime/index.ts";
import type {
  initialTrainingState,
  trainingProgram,
  TrainingProgram,
  TrainingStep,
  TrainingStepOptions,
} from "../../src/train/index.ts";

export interface TinyTrainingTools {
  readonly resnetConfig: (config: Partial<ResNetConfig>) => ResNetConfig;
  readonly trainingProgram: typeof trainingProgram;
  readonly initialTrainingState: typeof initialTrainingState;
  readonly openTrainingStep: (
    program: TrainingProgram,
    options: TrainingStepOptions & { device: Device },
  ) => Promise<TrainingStep>;
}

export interface TinyTraining {
  readonly losses: readonly number[];
  readonly state: Readonly<Record<string, readonly number[]>>;
}

/**
 * Three steps of a tiny ResNeXt, two micro-batches each; then its state goes out, in, and out again.
 *
 * Everything is inside: the function is sent to browsers as text.
 */
export async function tinyTraining(
  { resnetConfig, trainingProgram, initialTrainingState, openTrainingStep }: TinyTrainingTools,
  device: Device,
  blockSize?: number,
): Promise<TinyTraining> {
  const shape = { layers: [1, 1], width: 16, cardinality: 4, baseWidth: 16, numClasses: 10 };
  const sizes = { batchSize: 2, accumulate: 2, inputSize: 16 };
  const program = trainingProgram(resnetConfig(shape), { ...sizes, clipNorm: 5, dropRate: 0.1, blockSize });
  const state = initialTrainingState(program);
  const step = await openTrainingStep(program, { device, state, seed: 1 });
  const losses: number[] = [];
  for (let number = 1; number <= 3; number++) {
    const images = Float32Array.from({ length: 4 * 3 * 16 * 16 }, (_, i) => Math.sin(i * i * number));
    const targets = Float32Array.from({ length: 40 }, (_, i) => (i % 11 === number ? 1 : 0));
    const { loss } = await step.run({ images, targets }, { learningRate: 0.05, step: number });
    losses.push(loss);
  }
  const trained = await step.state();
  const restored = new Map(
    [...trained].map(([name, each]) => [name, { ...each, load: () => Promise.resolve(each) }]),
  );
  await step.restore(state);
  await step.restore(restored);
  const again = await step.state();
  await step.release();
  return { losses, state: Object.fromEntries([...again].map(([name, { data }]) => [name, [...data]])) };
}
