import { availableParallelism } from "node:os";
import {
  elementCount,
  type ModelError,
  seededRandom,
  SessionError,
  tensor,
  UsageError,
  type StateDict,
  type Tensor,
} from "../../core/index.ts";
import type { Graph } from "../../graph/index.ts";
import {
  activationRangeGraph,
  countParameters,
  family,
  forPrecision,
  inferenceGraph,
  isGraphConfig,
  layerTable,
  type ModelDescription,
  type NetworkDescription,
  type Quantisation,
} from "../../nn/index.ts";
import { openModel } from "../../node/library.ts";
import { rememberSpeeds } from "../../node/engines/engine-speeds.ts";
import { cpuBlockSize } from "../../node/engines/onnxruntime/block-size.ts";
import { nodePlatform } from "../../node/platform.ts";
import { requireInt8Kernels, type CreateModelOptions } from "../../predict/create-model.ts";
import {
  checkGraphPrecision,
  fileNetwork,
  noAntialiasing,
  readGraph,
  weightBytes,
} from "../../predict/open-graph.ts";
import { isOnnxPath, isWeightsPath } from "../../predict/open-model.ts";
import { compileModel } from "../../predict/pipeline/image-pipeline.ts";
import {
  engineSubject,
  enginesFor,
  floatsOf,
  type AnyPrecision,
} from "../../predict/pipeline/choose-engine.ts";
import { floatPrecisions, precisions } from "../../runtime/engine.ts";
import type { Device, StoredModel } from "../../runtime/index.ts";
import { weightsFile } from "../../weights/index.ts";
import { modelName, modelSettings, noticeDefault, weightsNotices } from "../open-model.ts";
import type { Outcome } from "../options/command.ts";
import type { Terminal } from "../output/terminal.ts";
import type { BenchmarkOptions } from "./options.ts";
import {
  benchmarkLines,
  comparisonLines,
  type BenchmarkResult,
  type Conditions,
  type MissingSetup,
  type Setup,
  type SetupResult,
  type Timing,
} from "./view.ts";

/** Measures how fast a model runs. */
export async function benchmark(
  _: readonly string[],
  options: BenchmarkOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const { all, device, threads, warmUp, runs } = options;
  refuseOne(options);
  if (options.precision === "int8") requireInt8Kernels(device);
  const subject = await openSubject(options, terminal);
  const { engine = "onnxruntime", precision = subject.precisions[0]! } = options;
  const { config, preprocessing, name } = subject.description;
  const { inputSize } = preprocessing;
  const multiplyAdds = isGraphConfig(config)
    ? undefined
    : layerTable(config, inputSize).reduce((sum, layer) => sum + layer.multiplyAdds, 0);
  const conditions: Conditions = {
    model: name,
    device,
    threads: threads ?? availableParallelism(),
    inputSize,
    parameters: countParameters(config),
    ...(multiplyAdds === undefined ? {} : { multiplyAdds }),
    warmUp,
    runs,
  };
  if (!all) {
    const timings = await measureSetup(subject, { engine, precision }, options, terminal);
    terminal.clearStatus();
    const result: BenchmarkResult = { ...conditions, engine, precision, timings };
    await terminal.print(
      options.json ? [JSON.stringify(result, null, 2)] : benchmarkLines(result, terminal.style),
    );
    return "ok";
  }
  // What is measured otherwise says nothing of how models run by themselves.
  const isUsual = device === "cpu" && threads === undefined;
  const results: SetupResult[] = [];
  const missing: MissingSetup[] = [];
  for (const setup of setupsOf(subject, device)) {
    try {
      const timings = await measureSetup(subject, setup, options, terminal);
      results.push({ ...setup, timings });
      if (isUsual) await remember(subject, setup, timings);
    } catch (error) {
      // What one engine does not take is no reason to lose what the others did.
      if (!(error instanceof SessionError)) throw error;
      missing.push({ ...setup, reason: error.message });
    }
  }
  terminal.clearStatus();
  const everything = { ...conditions, results, missing, remembered: isUsual && results.length > 0 };
  await terminal.print(
    options.json ? [JSON.stringify(everything, null, 2)] : comparisonLines(everything, terminal.style),
  );
  return "ok";
}

/** @throws UsageError `usage/no-effect` for one engine or precision where all are asked for */
function refuseOne({ all, engine, precision }: BenchmarkOptions): void {
  if (!all || (engine === undefined && precision === undefined)) return;
  const given = engine === undefined ? "--precision" : "--engine";
  throw new UsageError(
    "usage/no-effect",
    `${given} is one of those that --all measures; leave one of both out.`,
  );
}

/** Every engine and precision for this device; an ONNX file has its own. */
function setupsOf(subject: Subject, device: Device): readonly Setup[] {
  return subject.precisions
    .filter((precision) => precision !== "int8" || device === "cpu")
    .flatMap((precision) => enginesFor(device, precision).map((engine) => ({ engine, precision })))
    .filter(({ engine }) => engine !== "openvino" || !subject.notOnOpenVino);
}

async function measureSetup(
  subject: Subject,
  { engine, precision }: Setup,
  { device, threads, batchSizes, warmUp, runs }: BenchmarkOptions,
  terminal: Terminal,
): Promise<readonly Timing[]> {
  const { noticeStyle, signal } = terminal;
  if (engine === "openvino" && subject.notOnOpenVino) throw subject.notOnOpenVino;
  terminal.status(() => noticeStyle.dim(`${engine}, ${precision}: opening the model …`));
  const stored = await subject.compile({ engine, precision });
  const timings: Timing[] = [];
  try {
    for (const batchSize of subject.batch === undefined ? batchSizes : [subject.batch]) {
      const session = await nodePlatform.createSession(stored.model, {
        engine,
        device,
        precision: floatsOf(precision),
        ...(subject.batched ? { batchSize } : {}),
        ...(threads ? { threads } : {}),
        signal,
      });
      try {
        const [input = "images"] = session.inputNames;
        const images = subject.images(batchSize);
        const run = async (): Promise<void> => {
          await session.run({ [input]: images }, { outputs: session.outputNames, signal });
        };
        const onRun = (done: number): void =>
          terminal.status(() =>
            noticeStyle.dim(`${engine}, ${precision}, batch ${batchSize}: run ${done} of ${warmUp + runs}`),
          );
        timings.push(await measureRuns(run, { batchSize, warmUp, runs, onRun }));
      } finally {
        await session.release();
      }
    }
    return timings;
  } finally {
    await stored.remove();
  }
}

/** Keeps what was measured for who leaves the choice of the engine to it. */
async function remember(
  { description: { preprocessing }, network }: Subject,
  { engine, precision }: Setup,
  timings: readonly Timing[],
): Promise<void> {
  for (const { batchSize, millisecondsPerImage } of timings) {
    const subject = engineSubject(network, preprocessing, precision, batchSize);
    await rememberSpeeds(subject, { [engine]: millisecondsPerImage });
  }
}

/** What is timed. */
interface Subject {
  readonly description: NetworkDescription;
  /** What its speed is remembered under. */
  readonly network: string;
  /** Why OpenVINO would compute it otherwise than it says, where it would. */
  readonly notOnOpenVino?: ModelError | undefined;
  /** The only number of images that it takes at once, if there is one. */
  readonly batch?: number | undefined;
  /** Whether its images come in batches. */
  readonly batched: boolean;
  /** What it computes in unless told otherwise, and what else it may be told. */
  readonly precisions: readonly AnyPrecision[];
  readonly compile: (setup: Setup) => Promise<StoredModel>;
  readonly images: (count: number) => Tensor;
}

async function openSubject(options: BenchmarkOptions, terminal: Terminal): Promise<Subject> {
  const name = modelName(options);
  const settings = {
    ...modelSettings(options, terminal),
    // Nothing here shows a class.
    onNotice: weightsNotices(terminal, "averages"),
  };
  const given = settings.weights ?? name;
  const path = isWeightsPath(given) ? await weightsFile(nodePlatform.storageFor, given) : given;
  if (isOnnxPath(path)) return graphSubject(path, options, settings);
  const source = await openModel(name, { ...settings, pretrained: options.pretrained });
  const { description } = source;
  noticeDefault(options, description, terminal);
  const { inputSize } = description.preprocessing;
  return {
    description,
    network: family.architecture(description.config),
    batched: true,
    precisions,
    async compile({ engine, precision }) {
      const hasBlocks = engine === "onnxruntime" && options.device === "cpu";
      const blockSize = hasBlocks ? await cpuBlockSize() : undefined;
      return source.withWeights((weights) =>
        compileModel(
          nodePlatform,
          benchmarkGraph(description, weights, precision, blockSize),
          terminal.signal,
        ),
      );
    },
    images: (count) => randomImages([count, description.config.inChannels, inputSize, inputSize]),
  };
}

/** An ONNX file as it is. @throws UsageError `usage/precision` */
async function graphSubject(
  path: string,
  { precision }: BenchmarkOptions,
  settings: CreateModelOptions,
): Promise<Subject> {
  const graph = await readGraph(nodePlatform, path, settings);
  checkGraphPrecision(path, graph, precision);
  const { description, form, batch, antialiases, precision: held } = graph;
  const { inputSize, cropPct } = description.preprocessing;
  const side = form === "normalised" ? inputSize : Math.floor(inputSize / cropPct);
  const stored = { model: path, remove: () => Promise.resolve() };
  return {
    description,
    network: fileNetwork(path, await weightBytes(nodePlatform.storageFor(path), path)),
    ...(antialiases ? { notOnOpenVino: noAntialiasing(path) } : {}),
    batched: form === "normalised",
    precisions: held === "fp32" ? floatPrecisions : [held],
    compile: () => Promise.resolve(stored),
    batch: form === "normalised" ? batch : 1,
    images: (count) =>
      form === "bytes"
        ? tensor("uint8", [side, side, 3], new Uint8Array(side * side * 3).fill(127))
        : randomImages([count, description.config.inChannels, side, side]),
  };
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
  precision: AnyPrecision,
  blockSize: number | undefined,
): Graph {
  const { inputSize } = preprocessing;
  const outputs = [config.numClasses > 0 ? "logits" : "embedding"] as const;
  if (precision !== "int8")
    return forPrecision(inferenceGraph(config, weights, { outputs, inputSize, blockSize }), precision);
  const { readers } = activationRangeGraph(config, weights, inputSize);
  const ranges: Quantisation["ranges"] = new Map(
    readers.flat().map((reader) => [reader, { min: 0, max: 4 }]),
  );
  return inferenceGraph(config, weights, { outputs, inputSize, int8: { ranges } });
}
