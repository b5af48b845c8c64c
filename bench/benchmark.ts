import type { Report } from "./report.ts";

/** What the command line may set. */
export interface BenchmarkOptions {
  /** Few and short runs: to see that it works, not to quote. */
  readonly quick: boolean;
  /** Folder of photographs. */
  readonly photos: string;
  /** A model's name or a file of weights, for what depends on what a network has learnt. */
  readonly backbone: string;
}

/** One benchmark: a command of `npm run bench --`. */
export interface Benchmark {
  readonly name: string;
  readonly summary: string;
  run(options: BenchmarkOptions): Promise<Report>;
}
