import { availableParallelism } from "node:os";
import {
  elementCount,
  seededRandom,
  tensor,
  UsageError,
  type StateDict,
  type Tensor,
} from "../../core/index.ts";
import type { Graph } from "../../graph/index.ts";
import {
  activationRangeGraph,
  countParameters,
  inferenceGraph,
  isGraphConfig,
  layerTable,
  type ModelDescription,
  type NetworkDescription,
  type Quantisation,
} from "../../nn/index.ts";
import { openModel } from "../../node/library.ts";
import { cpuBlockSize } from "../../node/onnx/block-size.ts";
import { createSession } from "../../node/onnx/ort-session.ts";
import { nodePlatform } from "../../node/platform.ts";
import { requireInt8Kernels, type CreateModelOptions } from "../../predict/create-model.ts";
import { readGraph } from "../../predict/open-graph.ts";
import { isOnnxPath, isWeightsPath } from "../../predict/open-model.ts";
import { compileModel } from "../../predict/pipeline/image-pipeline.ts";
import type { Device, Session, StoredModel } from "../../runtime/index.ts";
import { weightsFile } from "../../weights/index.ts";
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
  const subject = await openSubject(options, terminal);
  const { config, preprocessing, name } = subject.description;
  const { inputSize } = preprocessing;
  const session = await openSession(subject.compiled, options, terminal.signal);
  const [input = "images"] = session.inputNames;
  const timings: Timing[] = [];
  try {
    for (const batchSize of subject.batch === undefined ? batchSizes : [subject.batch]) {
      const images = subject.images(batchSize);
      const run = async (): Promise<void> => {
        await session.run({ [input]: images }, { outputs: session.outputNames, signal: terminal.signal });
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

  const multiplyAdds = isGraphConfig(config)
    ? undefined
    : layerTable(config, inputSize).reduce((sum, layer) => sum + layer.multiplyAdds, 0);
  const result: BenchmarkResult = {
    model: name,
    device,
    precision,
    threads: threads ?? availableParallelism(),
    inputSize,
    parameters: countParameters(config),
    ...(multiplyAdds === undefined ? {} : { multiplyAdds }),
    warmUp,
    runs,
    timings,
  };
  await terminal.print(
    options.json ? [JSON.stringify(result, null, 2)] : benchmarkLines(result, terminal.style),
  );
  return "ok";
}

/** What is timed. */
interface Subject {
  readonly description: NetworkDescription;
  readonly compiled: StoredModel;
  /** The only number of images that it takes at once, if there is one. */
  readonly batch?: number | undefined;
  readonly images: (count: number) => Tensor;
}

async function openSubject(options: BenchmarkOptions, terminal: Terminal): Promise<Subject> {
  const [name, settings] = [modelName(options), modelSettings(options, terminal)];
  const given = settings.weights ?? name;
  const path = isWeightsPath(given) ? await weightsFile(nodePlatform.storageFor, given) : given;
  if (isOnnxPath(path)) return graphSubject(path, options, settings);
  const source = await openModel(name, { ...settings, pretrained: options.pretrained });
  const { description } = source;
  noticeDefault(options, description, terminal);
  terminal.status(() => terminal.noticeStyle.dim("opening the model …"));
  const blockSize = options.device === "cpu" ? await cpuBlockSize() : undefined;
  const compiled = await source.withWeights((weights) =>
    compileModel(
      nodePlatform,
      benchmarkGraph(description, weights, options.precision, blockSize),
      terminal.signal,
    ),
  );
  const { inputSize } = description.preprocessing;
  const images = (count: number): Tensor =>
    randomImages([count, description.config.inChannels, inputSize, inputSize]);
  return { description, compiled, images };
}

/** An ONNX file as it is. @throws UsageError `usage/precision` */
async function graphSubject(
  path: string,
  { precision }: BenchmarkOptions,
  settings: CreateModelOptions,
): Promise<Subject> {
  if (precision === "int8") {
    throw new UsageError(
      "usage/precision",
      `${path} has the precision that it was exported with; leave --precision out.`,
    );
  }
  const { description, form, batch } = await readGraph(nodePlatform, path, settings);
  const { inputSize, cropPct } = description.preprocessing;
  const side = form === "normalised" ? inputSize : Math.floor(inputSize / cropPct);
  const images = (count: number): Tensor =>
    form === "bytes"
      ? tensor("uint8", [side, side, 3], new Uint8Array(side * side * 3).fill(127))
      : randomImages([count, description.config.inChannels, side, side]);
  const compiled = { model: path, remove: () => Promise.resolve() };
  return { description, compiled, batch: form === "normalised" ? batch : 1, images };
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
  /** For one image; not known of an ONNX file. */
  readonly multiplyAdds?: number;
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
      ...(multiplyAdds === undefined
        ? []
        : [["multiply-adds", `${si(multiplyAdds)} for an image`] as [string, string]]),
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
        multiplyAdds === undefined ? "" : ((imagesPerSecond * multiplyAdds) / 1e9).toFixed(1),
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
  const outputs = [config.numClasses > 0 ? "logits" : "embedding"] as const;
  if (precision === "fp32") return inferenceGraph(config, weights, { outputs, inputSize, blockSize });
  const { readers } = activationRangeGraph(config, weights, inputSize);
  const ranges: Quantisation["ranges"] = new Map(
    readers.flat().map((reader) => [reader, { min: 0, max: 4 }]),
  );
  return inferenceGraph(config, weights, { outputs, inputSize, int8: { ranges } });
}
