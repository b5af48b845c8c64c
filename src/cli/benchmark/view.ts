import type { AnyPrecision } from "../../predict/pipeline/choose-engine.ts";
import type { Device, Engine } from "../../runtime/index.ts";
import { bar, grouped, plural, si } from "../output/numbers.ts";
import { definitions, table } from "../output/table.ts";
import type { Style } from "../output/terminal.ts";

/** How a model is run. */
export interface Setup {
  readonly engine: Engine;
  readonly precision: AnyPrecision;
}

/** How long a run takes. */
export interface Timing {
  readonly batchSize: number;
  /** Median of the runs. */
  readonly millisecondsPerImage: number;
  readonly imagesPerSecond: number;
  /** Fastest and slowest run, in milliseconds an image: far apart, the machine was not idle. */
  readonly range: readonly [fastest: number, slowest: number];
}

/** What was measured, and how. */
export interface Conditions {
  readonly model: string;
  readonly device: Device;
  readonly threads: number;
  readonly inputSize: number;
  readonly parameters: number;
  /** For one image; not known of an ONNX file. */
  readonly multiplyAdds?: number;
  readonly warmUp: number;
  readonly runs: number;
}

export interface SetupResult extends Setup {
  readonly timings: readonly Timing[];
}

export interface MissingSetup extends Setup {
  readonly reason: string;
}

/** What a benchmark found, as it is given in JSON. */
export type BenchmarkResult = Conditions & SetupResult;

/** What a benchmark of all engines and precisions found, as it is given in JSON. */
interface Comparison extends Conditions {
  readonly results: readonly SetupResult[];
  /** What this machine has not. */
  readonly missing: readonly MissingSetup[];
  /** Whether `--engine auto` chooses by it. */
  readonly remembered: boolean;
}

const barColumns = 24;

/** A benchmark for reading. */
export function benchmarkLines(result: BenchmarkResult, style: Style): string[] {
  const { engine, precision, timings, multiplyAdds } = result;
  const fastest = fastestOf(timings);
  return [
    ...conditionLines(result, `${engine}, ${precision}`),
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

/** A benchmark of all engines and precisions for reading. */
export function comparisonLines(
  { results, missing, remembered, ...conditions }: Comparison,
  style: Style,
): string[] {
  const rows = results.flatMap(({ timings, ...setup }) => timings.map((timing) => ({ ...setup, ...timing })));
  const fastest = fastestOf(rows);
  return [
    ...conditionLines(conditions, "each engine and precision"),
    "",
    ...table(
      [
        { title: "precision" },
        { title: "engine" },
        { title: "batch", align: "right" },
        { title: "ms an image", align: "right" },
        { title: "images/s", align: "right" },
        { title: "" },
      ],
      rows.map(({ precision, engine, batchSize, millisecondsPerImage, imagesPerSecond }) => [
        precision,
        engine,
        String(batchSize),
        millisecondsPerImage.toFixed(2),
        imagesPerSecond.toFixed(1),
        style.accent(bar(imagesPerSecond / fastest, barColumns)),
      ]),
    ),
    ...(missing.length === 0
      ? []
      : ["", ...missing.map(({ engine, precision, reason }) => `${precision} on ${engine}: ${reason}`)]),
    ...(remembered ? ["", "--engine auto takes the fastest of these from now on."] : []),
  ];
}

const fastestOf = (timings: readonly Timing[]): number =>
  Math.max(...timings.map(({ imagesPerSecond }) => imagesPerSecond));

function conditionLines(
  { model, device, threads, inputSize, parameters, multiplyAdds, warmUp, runs }: Conditions,
  what: string,
): string[] {
  return definitions([
    ["model", `${model}, ${inputSize}x${inputSize}`],
    ["parameters", grouped(parameters)],
    ...(multiplyAdds === undefined
      ? []
      : [["multiply-adds", `${si(multiplyAdds)} for an image`] as [string, string]]),
    ["run by", `${what} on ${device}, one session with ${plural(threads, "thread")}`],
    ["measured", `median of ${plural(runs, "run")} after ${warmUp} to warm up; the model alone, no decoding`],
  ]);
}
