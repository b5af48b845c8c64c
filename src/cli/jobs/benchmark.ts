import { availableParallelism } from "node:os";
import { elementCount, seededRandom, tensor, type Tensor } from "../../core/index.ts";
import { countParameters, layerTable } from "../../nn/index.ts";
import { cpuBlockSize } from "../../node/block-size.ts";
import { requireInt8Kernels } from "../../node/create-model.ts";
import { compileModel, type CompiledModel } from "../../node/compile-model.ts";
import { openModel } from "../../node/open-model.ts";
import { createSession } from "../../node/ort-session.ts";
import type { Session } from "../../runtime/index.ts";
import { benchmarkGraph } from "../benchmark/benchmark-graph.ts";
import { benchmarkLines, type BenchmarkResult } from "../benchmark/benchmark-lines.ts";
import { measureRuns, type Timing } from "../benchmark/measure-runs.ts";
import type { Outcome } from "../command.ts";
import type { BenchmarkOptions } from "../commands/benchmark.ts";
import { modelName, modelSettings, noticeDefault } from "../open-model.ts";
import type { Terminal } from "../terminal.ts";

/** Measures how fast a model runs. */
export async function benchmark(
  _: readonly string[],
  options: BenchmarkOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const { device, precision, threads, batchSizes, warmUp, runs } = options;
  if (precision === "int8") requireInt8Kernels(device);
  const settings = modelSettings(options, terminal);
  const source = await openModel(modelName(options), {
    ...settings,
    pretrained: options.pretrained,
  });
  noticeDefault(options, source.description, terminal);
  const { config, preprocessing, name } = source.description;
  const { inputSize } = preprocessing;
  terminal.status(() => terminal.noticeStyle.dim("opening the model …"));
  const blockSize = device === "cpu" ? await cpuBlockSize() : undefined;
  const compiled = await source.withWeights((weights) =>
    compileModel(benchmarkGraph(source.description, weights, precision, blockSize), terminal.signal),
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
    precision,
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
}

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
  const length = elementCount(dims);
  return tensor(
    "float32",
    dims,
    Float32Array.from({ length }, () => 4 * random.uniform() - 2),
  );
}
