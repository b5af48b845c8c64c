// Steps of training on one batch, in a process of its own: its peak memory is that of training.
import { readFileSync } from "node:fs";
import { bytesSource } from "ssl-resnext/core";
import { openTrainingStep, trainingProgramFor } from "ssl-resnext/node";
import { resnetConfig, type ResNetConfig } from "ssl-resnext/nn";
import { initialTrainingState, trainingProgram, type StepBatch, type TrainingStep } from "ssl-resnext/train";
import { openCheckpoint } from "ssl-resnext/weights";
import { serveCommands } from "./serve-commands.ts";

interface LoadRequest {
  readonly config: Partial<ResNetConfig>;
  readonly form: "blocked" | "standard";
  readonly weights: string;
  readonly images: string;
  readonly targets: string;
  readonly batch: number;
  readonly size: number;
  readonly threads: number;
  readonly temperature?: number;
}

let step: TrainingStep | undefined;
let batch: StepBatch;
let steps = 0;

async function load(request: LoadRequest): Promise<void> {
  const config = resnetConfig(request.config);
  const { temperature } = request;
  const contrastive = temperature === undefined ? undefined : { temperature };
  const options = { batchSize: request.batch, inputSize: request.size, contrastive };
  const program =
    request.form === "blocked"
      ? await trainingProgramFor("cpu", config, options)
      : trainingProgram(config, options);
  const file = bytesSource(request.weights, new Uint8Array(readFileSync(request.weights)));
  const { tensors } = await openCheckpoint(file);
  const state = initialTrainingState(program, { weights: tensors });
  step = await openTrainingStep(program, { state, threads: request.threads });
  batch = { images: floats(request.images), targets: floats(request.targets) };
}

const floats = (path: string): Float32Array<ArrayBuffer> =>
  new Float32Array(new Uint8Array(readFileSync(path)).buffer);

async function run(): Promise<{ readonly seconds: number; readonly loss: number }> {
  const start = performance.now();
  const result = await step!.run(batch, { learningRate: 1e-3, step: ++steps });
  const seconds = (performance.now() - start) / 1000;
  batch = result.batch;
  return { seconds, loss: result.loss };
}

/** Highest resident memory until now, in bytes. */
function memory(): number {
  return 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
}

await serveCommands({ load, run, memory });
await step?.release();
