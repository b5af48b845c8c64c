import type { Device } from "../../runtime/index.ts";
import { bar } from "../output/bar.ts";
import { grouped, plural, si } from "../output/numbers.ts";
import type { Style } from "../output/style.ts";
import { definitions, table } from "../output/table.ts";
import type { Timing } from "./measure-runs.ts";

/** What a benchmark found, as it is given in JSON. */
export interface BenchmarkResult {
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
export function benchmarkLines(result: BenchmarkResult, style: Style): string[] {
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
