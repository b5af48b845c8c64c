import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Benchmark, BenchmarkOptions } from "../benchmark.ts";
import { photosOf } from "../fixtures/photos.ts";
import { weightFiles } from "../fixtures/weights.ts";
import { cacheFolder } from "../paths.ts";
import { describeSetting, openTorchPipeline, type TorchSetting } from "./pipeline-settings.ts";

const cores = availableParallelism();
const forms = ["jit", "jit-channels-last", "channels-last"] as const;
const layouts = [
  { workers: 0, threads: cores, processes: 1 },
  { workers: 1, threads: cores, processes: 1 },
  { workers: 1, threads: Math.max(1, cores - 1), processes: 1 },
  { workers: 2, threads: cores, processes: 1 },
  { workers: 0, threads: 1, processes: cores },
] as const;

/** Where the fastest settings are kept for the pipeline benchmark; those of a quick sweep apart. */
const settingsFile = ({ quick }: BenchmarkOptions): string =>
  join(cacheFolder, `torch-settings${quick ? ".quick" : ""}.json`);

/** The fastest settings: compiled for inference, and eager in channels-last order. */
export interface BestSettings {
  readonly optimized: TorchSetting;
  readonly eager: TorchSetting;
}

interface Trial {
  readonly setting: TorchSetting;
  readonly imagesPerSecond: number;
}

/** Tries every layout of the PyTorch pipeline and keeps the fastest. */
export const sweep: Benchmark = {
  name: "sweep",
  summary: "find the fastest settings of the PyTorch pipeline; `pipeline` uses them",
  async run(options) {
    const trials = await tryAll(options);
    const best = keepBest(trials, options);
    const sorted = trials.toSorted((a, b) => b.imagesPerSecond - a.imagesPerSecond);
    return {
      title: "Settings of the PyTorch pipeline",
      columns: ["form", "layout", "images/s"],
      rows: sorted.map(({ setting, imagesPerSecond }) => [
        setting.form,
        describeSetting(setting),
        imagesPerSecond.toFixed(1),
      ]),
      targets: [],
      notes: ["The faster of two passes over the same photographs, after one that does not count."],
      data: { trials, best },
    };
  },
};

/** What the last sweep found; sweeps if there was none. */
export async function bestSettings(options: BenchmarkOptions): Promise<BestSettings> {
  const file = settingsFile(options);
  if (!existsSync(file)) return keepBest(await tryAll(options), options);
  return JSON.parse(readFileSync(file, "utf8")) as BestSettings;
}

async function tryAll({ photos, quick }: BenchmarkOptions): Promise<readonly Trial[]> {
  const { pth } = weightFiles();
  const files = photosOf(photos).slice(0, quick ? 8 : 64);
  const batches = quick ? [4] : [4, 8, 16];
  const trials: Trial[] = [];
  for (const form of quick ? forms.slice(-1) : forms) {
    for (const layout of quick ? layouts.slice(0, 2) : layouts) {
      for (const batch of batches) {
        const setting = { form, batch, ...layout };
        trials.push({ setting, imagesPerSecond: await measure(setting, pth, files) });
      }
    }
  }
  return trials;
}

async function measure(setting: TorchSetting, weights: string, files: readonly string[]): Promise<number> {
  const pipeline = await openTorchPipeline(setting, weights, files);
  try {
    await pipeline.run();
    const passes = [await pipeline.run(), await pipeline.run()];
    return files.length / Math.min(...passes.map(({ seconds }) => seconds));
  } finally {
    await pipeline.end();
  }
}

function keepBest(trials: readonly Trial[], options: BenchmarkOptions): BestSettings {
  const fastest = (accept: (setting: TorchSetting) => boolean): TorchSetting =>
    trials
      .filter(({ setting }) => accept(setting))
      .reduce((best, next) => (next.imagesPerSecond > best.imagesPerSecond ? next : best)).setting;
  const best = {
    optimized: fastest(() => true),
    eager: fastest(({ form }) => form === "channels-last"),
  };
  writeFileSync(settingsFile(options), JSON.stringify(best, undefined, 2));
  return best;
}
