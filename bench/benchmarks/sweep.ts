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

const firstBatch = 8;
const otherBatches = [4, 16];

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

/** Every layout at one batch size; then the other batch sizes in the best layout of each form. */
async function tryAll({ photos, quick }: BenchmarkOptions): Promise<readonly Trial[]> {
  const { pth } = weightFiles();
  const files = photosOf(photos).slice(0, quick ? 8 : 48);
  const trials: Trial[] = [];
  const attempt = async (setting: TorchSetting): Promise<Trial> => {
    const trial = { setting, imagesPerSecond: await measure(setting, pth, files) };
    trials.push(trial);
    return trial;
  };
  for (const form of quick ? forms.slice(-1) : forms) {
    const tried: Trial[] = [];
    for (const layout of quick ? layouts.slice(0, 2) : layouts) {
      tried.push(await attempt({ form, batch: firstBatch, ...layout }));
    }
    const { setting } = fastest(tried);
    for (const batch of quick ? [] : otherBatches) await attempt({ ...setting, batch });
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
  const best = {
    optimized: fastest(trials).setting,
    eager: fastest(trials.filter(({ setting }) => setting.form === "channels-last")).setting,
  };
  writeFileSync(settingsFile(options), JSON.stringify(best, undefined, 2));
  return best;
}

function fastest(trials: readonly Trial[]): Trial {
  return trials.reduce((best, next) => (next.imagesPerSecond > best.imagesPerSecond ? next : best));
}
