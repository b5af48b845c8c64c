import { availableParallelism } from "node:os";
import { seededRandom, tensor, type Tensor } from "../../core/index.ts";
import { countParameters, inferenceGraph, layerTable } from "../../nn/index.ts";
import { compileModel, type CompiledModel } from "../../node/compile-model.ts";
import { openModel as openModelSource } from "../../node/open-model.ts";
import { createSession } from "../../node/ort-session.ts";
import type { Device, Session } from "../../runtime/index.ts";
import { defineCommand, type LoadedCommand } from "../command.ts";
import { benchmarkLines, type BenchmarkResult } from "../benchmark/benchmark-lines.ts";
import { measureRuns, type Timing } from "../benchmark/measure-runs.ts";
import { modelName, modelSettings } from "../open-model.ts";
import { modelOptions, runOptions, type ModelOptions } from "../options/model-options.ts";
import { jsonOption } from "../options/output-options.ts";
import { flag, integer, integers } from "../options/schemas.ts";

interface BenchmarkOptions extends ModelOptions {
  readonly device: Device;
  readonly batchSizes: readonly number[];
  readonly threads: number | undefined;
  readonly warmUp: number;
  readonly runs: number;
  readonly pretrained: boolean;
  readonly json: boolean;
}

/** `benchmark`: images a second of the model alone. */
export const benchmarkCommand: LoadedCommand = defineCommand<BenchmarkOptions>({
  operands: {},
  options: {
    batchSizes: {
      flags: "-b, --batch-sizes <counts>",
      about: "images per run, with commas between (default: 1,8)",
      schema: integers(1, 4096).default([1, 8]),
    },
    warmUp: {
      flags: "--warm-up <runs>",
      about: "runs before the clock starts",
      schema: integer(0).default(3),
    },
    runs: { flags: "--runs <count>", about: "runs to take the median of", schema: integer(1).default(10) },
    pretrained: {
      flags: "--pretrained",
      about: "download the published weights; random ones are as fast",
      schema: flag,
    },
    device: runOptions.device,
    threads: { ...runOptions.threads, about: "cores of the session (default: all)" },
    json: jsonOption,
    ...modelOptions,
  },
  examples: [
    ["benchmark", "the default model at batch 1 and 8"],
    ["benchmark -m ssl_resnext101_32x8d -b 1,4,16 --threads 1", "one core, three batch sizes"],
  ],
  async run(_, options, terminal) {
    const { device, threads, batchSizes, warmUp, runs } = options;
    const settings = modelSettings(options, terminal);
    const source = await openModelSource(modelName(options), {
      ...settings,
      pretrained: options.pretrained,
    });
    const { config, preprocessing, name } = source.description;
    const { inputSize } = preprocessing;
    terminal.status(() => terminal.noticeStyle.dim("opening the model …"));
    const compiled = await source.withWeights((weights) =>
      compileModel(
        inferenceGraph(config, weights, { inputSize, target: device === "cpu" ? "cpu" : "portable" }),
        terminal.signal,
      ),
    );
    const session = await openSession(compiled, options, terminal.signal);
    const timings: Timing[] = [];
    try {
      for (const batchSize of batchSizes) {
        const images = randomImages([batchSize, config.inChannels, inputSize, inputSize]);
        const run = async (): Promise<void> => {
          await session.run({ images }, { outputs: session.outputNames, signal: terminal.signal });
        };
        const onRun = (done: number): void =>
          terminal.status(() =>
            terminal.noticeStyle.dim(`batch ${batchSize}: run ${done} of ${warmUp + runs}`),
          );
        timings.push(await measureRuns(run, { batchSize, warmUp, runs, onRun }));
      }
    } finally {
      await session.release();
    }
    terminal.clearStatus();

    const layers = layerTable(config, inputSize);
    const result: BenchmarkResult = {
      model: name,
      device,
      threads: threads ?? availableParallelism(),
      inputSize,
      parameters: countParameters(config),
      multiplyAdds: layers.reduce((sum, layer) => sum + layer.multiplyAdds, 0),
      warmUp,
      runs,
      timings,
    };
    await terminal.print(
      options.json ? [JSON.stringify(result, null, 2)] : benchmarkLines(result, terminal.style),
    );
    return "ok";
  },
});

async function openSession(
  compiled: CompiledModel,
  { device, threads }: BenchmarkOptions,
  signal: AbortSignal,
): Promise<Session> {
  try {
    return await createSession(compiled.path, { device, signal, ...(threads ? { threads } : {}) });
  } finally {
    await compiled.remove();
  }
}

/** Noise in the range of normalised pixels: zeros would be faster than photographs. */
function randomImages(dims: readonly number[]): Tensor<"float32"> {
  const random = seededRandom(0);
  const length = dims.reduce((product, dim) => product * dim, 1);
  return tensor(
    "float32",
    dims,
    Float32Array.from({ length }, () => 4 * random.uniform() - 2),
  );
}
