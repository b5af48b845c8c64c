import { resolve } from "node:path";
import { openImages } from "ssl-resnext";
import type { TrainingLoader, TrainingLoaderOptions } from "ssl-resnext/data";
import { defaultAugmentation, imagenetPreprocessing, type AugmentationOptions } from "ssl-resnext/image";
import { openTrainingLoader } from "ssl-resnext/node";
import type { Benchmark, BenchmarkOptions } from "../benchmark.ts";
import { photosOf } from "../fixtures/photos.ts";
import { photoClasses, unpacked } from "../fixtures/training-sets.ts";
import { alternate, type Contestant, type Result } from "../measure/alternate.ts";
import type { Peer } from "../measure/peer.ts";
import { startPythonPeer } from "../measure/python-peer.ts";
import { repository } from "../paths.ts";

/** Images to augmented batches, one epoch after another. */
export const loader: Benchmark = {
  name: "loader",
  summary: "batches for training, against torchvision's DataLoader at its best number of workers",
  async run(options) {
    const torch = startPythonPeer("loader.py");
    try {
      const measured: Measured[] = [];
      for (const set of trainingSets(options)) measured.push(await measureSet(set, torch, options.quick));
      return {
        title: "Batches for training",
        columns: ["", "images/s", "slowest to fastest epoch", "of torchvision's", "undisturbed epochs"],
        rows: measured.flatMap(rowsOf),
        targets: measured.map(({ set, images, results }) => {
          const ratio = results.at(-1)!.seconds / results[0]!.seconds;
          return {
            what: `${set.name}: images/s against torchvision (${(images / results[0]!.seconds).toFixed(0)})`,
            wanted: "at least 1.00x",
            measured: `${ratio.toFixed(2)}x`,
            met: ratio >= 1,
          };
        }),
        notes: [
          "Workers stand before; an epoch counts from the call to its last batch. Nothing trains meanwhile; ours is given the memory of each batch back, as the trainer does (`recycle`).",
          "Photographs: random resized crop (bilinear or bicubic at random), flip, colour jitter 0.4, at 224. Small images: padded crop and flip at 32.",
          "torchvision reads the same files with ImageFolder; the best of 0 to 3 workers, found before.",
        ],
        data: measured,
      };
    } finally {
      await torch.end();
    }
  },
};

interface TrainingSet {
  readonly name: string;
  readonly folder: string;
  readonly size: number;
  readonly batch: number;
  readonly peer: "photographs" | "small";
  readonly augmentation: AugmentationOptions;
  /** Ways of ours to run, the one that counts first. */
  readonly ways: readonly { readonly name: string; readonly cacheBytes?: number }[];
}

function trainingSets({ photos, quick }: BenchmarkOptions): readonly TrainingSet[] {
  const small = unpacked(resolve(repository, photos, "../cifar10/labelled-4000.tar"));
  const photographs: TrainingSet = {
    name: "photographs",
    folder: photoClasses(photosOf(photos), quick ? 100 : 500),
    size: 224,
    batch: 50,
    peer: "photographs",
    augmentation: defaultAugmentation,
    ways: [{ name: "ssl-resnext", cacheBytes: 0 }],
  };
  const tiny = (folder: string): TrainingSet => ({
    name: "small images",
    folder,
    size: 32,
    batch: 128,
    peer: "small",
    augmentation: { ...defaultAugmentation, crop: "random", colorJitter: null },
    ways: [{ name: "ssl-resnext" }, { name: "ssl-resnext, decoding anew", cacheBytes: 0 }],
  });
  return small === undefined ? [photographs] : [photographs, tiny(small)];
}

interface Measured {
  readonly set: TrainingSet;
  /** Images of an epoch. */
  readonly images: number;
  readonly results: readonly Result[];
}

async function measureSet(set: TrainingSet, torch: Peer, quick: boolean): Promise<Measured> {
  const source = await openImages([set.folder]);
  const openWith = (cacheBytes: number | undefined): Promise<TrainingLoader> => {
    const options: TrainingLoaderOptions = {
      batchSize: set.batch,
      seed: 1,
      preprocessing: { ...imagenetPreprocessing, inputSize: set.size },
      augmentation: set.augmentation,
      cacheBytes,
    };
    return openTrainingLoader(source, options);
  };
  const loaders = await Promise.all(set.ways.map(({ cacheBytes }) => openWith(cacheBytes)));
  try {
    const ours = set.ways.map((way, index) => epochs(way.name, loaders[index]!));
    const theirs = await bestPeer(set, torch);
    const results = await alternate([...ours, theirs], { rounds: quick ? 1 : 5, warmup: 2 });
    const images = loaders[0]!.batchesPerEpoch * set.batch;
    return { set, images, results };
  } finally {
    await Promise.all(loaders.map((opened) => opened.close()));
  }
}

function epochs(name: string, opened: TrainingLoader): Contestant {
  let epoch = 0;
  return {
    name,
    async run() {
      const start = performance.now();
      for await (const made of opened.epoch(epoch++)) {
        if (made.skipped.length > 0) throw made.skipped[0]!.error;
        opened.recycle(made);
      }
      return (performance.now() - start) / 1000;
    },
  };
}

/** torchvision with the number of workers that does an epoch in the least time. */
async function bestPeer(set: TrainingSet, torch: Peer): Promise<Contestant> {
  const tried: { readonly id: number; readonly workers: number; readonly seconds: number }[] = [];
  for (const workers of [0, 1, 2, 3]) {
    const { folder, size, batch, peer: augmentation } = set;
    const id = await torch.call<number>("load", { folder, augmentation, size, batch, workers });
    const runs: number[] = [];
    for (let i = 0; i < 3; i++) runs.push(await epochOf(torch, id));
    tried.push({ id, workers, seconds: Math.min(...runs) });
  }
  const best = tried.reduce((a, b) => (b.seconds < a.seconds ? b : a));
  for (const { id } of tried) if (id !== best.id) await torch.call("close", { loader: id });
  return { name: `torchvision, ${best.workers} workers`, run: () => epochOf(torch, best.id) };
}

async function epochOf(torch: Peer, id: number): Promise<number> {
  return (await torch.call<{ readonly seconds: number }>("run", { loader: id })).seconds;
}

function rowsOf({ set, images, results }: Measured): readonly (readonly string[])[] {
  const peer = results.at(-1)!;
  const rate = (seconds: number): string => (images / seconds).toFixed(0);
  return results.map((result) => [
    `${set.name}: ${result.name}`,
    rate(result.seconds),
    `${rate(result.slowest)} to ${rate(result.fastest)}`,
    `${(peer.seconds / result.seconds).toFixed(2)}x`,
    `${result.undisturbed} of ${result.undisturbed + result.disturbed}`,
  ]);
}
