import type { StateDict } from "../../core/index.ts";
import type { Graph } from "../../graph/index.ts";
import {
  activationRangeGraph,
  inferenceGraph,
  type ModelDescription,
  type Quantisation,
} from "../../nn/index.ts";

/** How long a run takes. */
export interface Timing {
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
export function benchmarkGraph(
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
