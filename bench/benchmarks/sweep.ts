import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Benchmark, BenchmarkOptions } from "../benchmark.ts";
import { photosOf } from "../fixtures/photos.ts";
import { weightFiles } from "../fixtures/weights.ts";
import { cacheFolder } from "../paths.ts";
import { describeSetting, openTorchPipeline, type TorchSetting } from "./pipeline-settings.ts";

/** At least two: a pipeline for each is a layout of its own. */
const cores = Math.max(2, availableParallelism());
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

/** The fastest settings of each kind. */
export interface BestSettings {
  /** One pipeline with a DataLoader, in whatever form is fastest. */
  readonly loader: TorchSetting;
  /** One pipeline, eager in channels-last order. */
  readonly eager: TorchSetting;
  /** A whole pipeline on each core. */
  readonly split: TorchSetting;
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
    console.error(
      `${setting.form}, ${describeSetting(setting)}: ${trial.imagesPerSecond.toFixed(1)} images/s`,
    );
    return trial;
  };
  for (const form of quick ? (["jit", "channels-last"] as const) : forms) {
    const tried: Trial[] = [];
    for (const layout of layouts) {
      if (quick && layout.workers > 0) continue;
      // On one thread PyTorch 1.13 takes over a second an image in channels-last order.
      if (layout.processes > 1 && form !== "jit") continue;
      tried.push(await attempt({ form, batch: firstBatch, ...layout }));
    }
    const bests = [1, cores]
      .map((count) => tried.filter(({ setting }) => setting.processes === count))
      .flatMap((group) => (group.length === 0 ? [] : [fastest(group)]));
    for (const { setting } of bests) {
      for (const batch of quick ? [] : otherBatches) await attempt({ ...setting, batch });
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
  const bestOf = (accept: (setting: TorchSetting) => boolean): TorchSetting =>
    fastest(trials.filter(({ setting }) => accept(setting))).setting;
  const best = {
    loader: bestOf(({ processes }) => processes === 1),
    eager: bestOf(({ processes, form }) => processes === 1 && form === "channels-last"),
    split: bestOf(({ processes }) => processes > 1),
  };
  writeFileSync(settingsFile(options), JSON.stringify(best, undefined, 2));
  return best;
}

function fastest(trials: readonly Trial[]): Trial {
  return trials.reduce((best, next) => (next.imagesPerSecond > best.imagesPerSecond ? next : best));
}
