/** How long a run takes. */
export interface Timing {
  readonly batchSize: number;
  /** Median of the runs. */
  readonly millisecondsPerImage: number;
  readonly imagesPerSecond: number;
  /** Fastest and slowest run, in milliseconds an image: far apart, the machine was not idle. */
  readonly range: readonly [fastest: number, slowest: number];
}

export interface MeasureOptions {
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
