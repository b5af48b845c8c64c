import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Precision } from "ssl-resnext/runtime";
import type { Benchmark, BenchmarkOptions } from "../benchmark.ts";
import { peerForms } from "../fixtures/peer-forms.ts";
import { photosOf } from "../fixtures/photos.ts";
import { weightFiles, type WeightFiles } from "../fixtures/weights.ts";
import { cacheFolder } from "../paths.ts";
import { describeSetting, openPeerPipeline, pipelinePeer, type PeerSetting } from "./pipeline-settings.ts";

/** At least two: a pipeline for each is a layout of its own. */
const cores = Math.max(2, availableParallelism());
/** Those that take half a minute to begin come last: where they are far behind in the best layout so far, that is all of them. */
const forms = [
  "openvino-int8",
  "openvino-bf16",
  "openvino",
  "channels-last",
  "jit",
  "jit-channels-last",
  "compile",
  "compile-bf16",
] as const;
const layouts = [
  { workers: 0, threads: cores, processes: 1 },
  { workers: 1, threads: cores, processes: 1 },
  { workers: 1, threads: Math.max(1, cores - 1), processes: 1 },
  { workers: 2, threads: cores, processes: 1 },
  { workers: 0, threads: 1, processes: cores },
] as const;

const firstBatch = 8;
const otherBatches = [4, 16];

/** A form with less than this share of the images/s of another, in that one's best layout, is not tried in others. */
const hopeless = 0.8;

/** Where the fastest settings are kept for the pipeline benchmarks, by what the peers are; those of a quick sweep apart. */
const settingsFile = ({ quick }: BenchmarkOptions, versions: string): string =>
  join(cacheFolder, `pipelines${quick ? ".quick" : ""}, ${versions}.json`);

/** The fastest settings of each kind. */
export interface BestSettings {
  readonly versions: string;
  /** One pipeline with a DataLoader, in whatever form is fastest in float32. */
  readonly loader: PeerSetting;
  /** One pipeline, eager in channels-last order. */
  readonly eager: PeerSetting;
  /** A whole pipeline on each core, in float32. */
  readonly split?: PeerSetting | undefined;
  /** Of any layout, in fewer bits; where the interpreter has such forms. */
  readonly bf16?: PeerSetting | undefined;
  readonly int8?: PeerSetting | undefined;
}

interface Trial {
  readonly setting: PeerSetting;
  readonly imagesPerSecond: number;
}

/** Tries every layout of the pipelines in Python and keeps the fastest. */
export const sweep: Benchmark = {
  name: "sweep",
  summary: "find the fastest settings of the pipelines in Python; `pipeline` and `int8` use them",
  async run(options) {
    const { trials, best } = await tryAll(options);
    const sorted = trials.toSorted((a, b) => b.imagesPerSecond - a.imagesPerSecond);
    return {
      title: "Settings of the pipelines in Python",
      columns: ["form and layout", "images/s"],
      rows: sorted.map(({ setting, imagesPerSecond }) => [
        describeSetting(setting),
        imagesPerSecond.toFixed(1),
      ]),
      targets: [],
      notes: [
        `The faster of two passes over the same photographs, after one that does not count. ${best.versions}.`,
      ],
      data: { trials, best },
    };
  },
};

/** What the last sweep found with these peers; sweeps if there was none. */
export async function bestSettings(options: BenchmarkOptions): Promise<BestSettings> {
  const { versions } = await pipelinePeer([]);
  const file = settingsFile(options, versions);
  if (!existsSync(file)) return (await tryAll(options)).best;
  return JSON.parse(readFileSync(file, "utf8")) as BestSettings;
}

/** Every layout at one batch size; then the other batch sizes, and the other decoder, in the best layouts of each form. */
async function tryAll(
  options: BenchmarkOptions,
): Promise<{ readonly trials: readonly Trial[]; readonly best: BestSettings }> {
  const { photos, quick } = options;
  const files = weightFiles();
  const images = photosOf(photos).slice(0, quick ? 8 : 48);
  const trials: Trial[] = [];
  const attempt = async (setting: PeerSetting): Promise<Trial> => {
    const trial = { setting, imagesPerSecond: await measure(setting, files, images) };
    trials.push(trial);
    console.error(`${describeSetting(setting)}: ${trial.imagesPerSecond.toFixed(1)} images/s`);
    return trial;
  };
  const { forms: available, versions } = await pipelinePeer(
    quick ? ["jit", "channels-last", "openvino-int8"] : forms,
  );
  for (const form of available) {
    const leader = fastestOf(trials, peerForms[form].precision);
    if (leader && form !== "channels-last") {
      const { imagesPerSecond } = await attempt({ ...leader.setting, form });
      if (imagesPerSecond < hopeless * leader.imagesPerSecond) continue;
    }
    const tried: Trial[] = [];
    for (const layout of layouts) {
      if (quick && layout.workers > 0) continue;
      // On one thread PyTorch takes over a second an image in channels-last order.
      if (layout.processes > 1 && form.endsWith("channels-last")) continue;
      tried.push(await attempt({ form, decoder: "pillow", batch: firstBatch, ...layout }));
    }
    const bests = [1, cores]
      .map((count) => tried.filter(({ setting }) => setting.processes === count))
      .flatMap((group) => (group.length === 0 ? [] : [fastest(group)]));
    for (const { setting } of quick ? [] : bests) {
      for (const batch of otherBatches) tried.push(await attempt({ ...setting, batch }));
    }
    await attempt({ ...fastest(tried).setting, decoder: "torchvision" });
  }
  const best = bestOf(trials, versions);
  writeFileSync(settingsFile(options, versions), JSON.stringify(best, undefined, 2));
  return { trials, best };
}

async function measure(setting: PeerSetting, files: WeightFiles, images: readonly string[]): Promise<number> {
  const pipeline = await openPeerPipeline(setting, files, images);
  try {
    await pipeline.run();
    const passes = [await pipeline.run(), await pipeline.run()];
    return images.length / Math.min(...passes.map(({ seconds }) => seconds));
  } finally {
    await pipeline.end();
  }
}

function bestOf(trials: readonly Trial[], versions: string): BestSettings {
  const best = (precision: Precision, accept?: (setting: PeerSetting) => boolean): PeerSetting | undefined =>
    fastestOf(trials, precision, accept)?.setting;
  return {
    versions,
    loader: best("fp32", ({ processes }) => processes === 1)!,
    eager: best("fp32", ({ processes, form }) => processes === 1 && form === "channels-last")!,
    split: best("fp32", ({ processes }) => processes > 1),
    bf16: best("bf16"),
    int8: best("int8"),
  };
}

function fastestOf(
  trials: readonly Trial[],
  precision: Precision,
  accept: (setting: PeerSetting) => boolean = () => true,
): Trial | undefined {
  const accepted = trials.filter(
    ({ setting }) => peerForms[setting.form].precision === precision && accept(setting),
  );
  return accepted.length === 0 ? undefined : fastest(accepted);
}

function fastest(trials: readonly Trial[]): Trial {
  return trials.reduce((best, next) => (next.imagesPerSecond > best.imagesPerSecond ? next : best));
}
