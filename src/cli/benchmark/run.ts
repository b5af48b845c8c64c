import { availableParallelism } from "node:os";
import { elementCount, seededRandom, tensor, type StateDict, type Tensor } from "../../core/index.ts";
import type { Graph } from "../../graph/index.ts";
import {
  activationRangeGraph,
  countParameters,
  inferenceGraph,
  layerTable,
  type ModelDescription,
  type Quantisation,
} from "../../nn/index.ts";
import { openModel } from "../../node/library.ts";
import { cpuBlockSize } from "../../node/onnx/block-size.ts";
import { createSession } from "../../node/onnx/ort-session.ts";
import { nodePlatform } from "../../node/platform.ts";
import { requireInt8Kernels } from "../../predict/create-model.ts";
import { compileModel } from "../../predict/pipeline/image-pipeline.ts";
import type { Device, Session, StoredModel } from "../../runtime/index.ts";
import { modelName, modelSettings, noticeDefault } from "../open-model.ts";
import type { Outcome } from "../options/command.ts";
import { bar, grouped, plural, si } from "../output/numbers.ts";
import { definitions, table } from "../output/table.ts";
import type { Style, Terminal } from "../output/terminal.ts";
import type { BenchmarkOptions } from "./options.ts";

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
    compileModel(
      nodePlatform,
      benchmarkGraph(source.description, weights, precision, blockSize),
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
  compiled: StoredModel,
  { device, threads }: BenchmarkOptions,
  signal: AbortSignal,
): Promise<Session> {
  try {
    return await createSession(compiled.model, { device, signal, ...(threads ? { threads } : {}) });
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

/** What a benchmark found, as it is given in JSON. */
interface BenchmarkResult {
  readonly model: string;
  readonly device: Device;
  readonly precision: "fp32" | "int8";
  readonly threads: number;
  readonly inputSize: number;
  readonly parameters: number;
  /** For one image. */
  readonly multiplyAdds: number;
  readonly warmUp: number;
  readonly runs: number;
  readonly timings: readonly Timing[];
}

const barColumns = 24;

/** A benchmark for reading. */
function benchmarkLines(result: BenchmarkResult, style: Style): string[] {
  const { model, device, precision, threads, inputSize, parameters, multiplyAdds, warmUp, runs, timings } =
    result;
  const fastest = Math.max(...timings.map(({ imagesPerSecond }) => imagesPerSecond));
  return [
    ...definitions([
      ["model", `${model}, ${inputSize}x${inputSize}`],
      ["parameters", grouped(parameters)],
      ["multiply-adds", `${si(multiplyAdds)} for an image`],
      ["device", `${device} in ${precision}, one session with ${plural(threads, "thread")}`],
      [
        "measured",
        `median of ${plural(runs, "run")} after ${warmUp} to warm up; the model alone, no decoding`,
      ],
    ]),
    "",
    ...table(
      [
        { title: "batch", align: "right" },
        { title: "ms an image", align: "right" },
        { title: "images/s", align: "right" },
        { title: "GMAC/s", align: "right" },
        { title: "" },
      ],
      timings.map(({ batchSize, millisecondsPerImage, imagesPerSecond }) => [
        String(batchSize),
        millisecondsPerImage.toFixed(2),
        imagesPerSecond.toFixed(1),
        ((imagesPerSecond * multiplyAdds) / 1e9).toFixed(1),
        style.accent(bar(imagesPerSecond / fastest, barColumns)),
      ]),
    ),
  ];
}

/** How long a run takes. */
interface Timing {
  readonly batchSize: number;
  /** Median of the runs. */
  readonly millisecondsPerImage: number;
  readonly imagesPerSecond: number;
  /** Fastest and slowest run, in milliseconds an image: far apart, the machine was not idle. */
  readonly range: readonly [fastest: number, slowest: number];
}

interface MeasureOptions {
  readonly batchSize: number;
  readonly warmUp: number;
  readonly runs: number;
  readonly onRun: (done: number) => void;
}

/** Times a run again and again: the first ones warm up, of the others the median counts. */
export async function measureRuns(
  run: () => Promise<void>,
  { batchSize, warmUp, runs, onRun }: MeasureOptions,
): Promise<Timing> {
  const times: number[] = [];
  for (let done = 0; done < warmUp + runs; done++) {
    const started = performance.now();
    await run();
    if (done >= warmUp) times.push((performance.now() - started) / batchSize);
    onRun(done + 1);
  }
  const sorted = times.sort((a, b) => a - b);
  const millisecondsPerImage = median(sorted);
  return {
    batchSize,
    millisecondsPerImage,
    imagesPerSecond: 1000 / millisecondsPerImage,
    range: [sorted[0]!, sorted.at(-1)!],
  };
}

/** Middle of a sorted list; of an even number, the mean of the two middle ones. */
function median(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The graph that is timed. In int8 every activation has the same range: speed does not depend on it. */
function benchmarkGraph(
  { config, preprocessing }: ModelDescription,
  weights: StateDict,
  precision: "fp32" | "int8",
  blockSize: number | undefined,
): Graph {
  const { inputSize } = preprocessing;
  if (precision === "fp32") return inferenceGraph(config, weights, { inputSize, blockSize });
  const { readers } = activationRangeGraph(config, weights, inputSize);
  const ranges: Quantisation["ranges"] = new Map(
    readers.flat().map((reader) => [reader, { min: 0, max: 4 }]),
  );
  return inferenceGraph(config, weights, { inputSize, int8: { ranges } });
}
