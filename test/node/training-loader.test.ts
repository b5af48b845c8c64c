import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  defaultMixing,
  epochOrder,
  type ImageSource,
  type TrainingBatch,
  type TrainingLoader,
  type TrainingLoaderOptions,
} from "../../src/data/index.ts";
import { defaultAugmentation, type AugmentationOptions } from "../../src/image/augment/options.ts";
import { openImages } from "../../src/node/library.ts";
import { openTrainingLoader } from "../../src/node/training.ts";
import { trainingLoader } from "../../src/train/loader/training-loader.ts";
import { startWorkerThread } from "../../src/node/threads/start-thread.ts";
import { collect } from "../data/collect.ts";
import { tarBytes } from "../data/tar-fixture.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
const side = 8;
const preprocessing = { inputSize: side, mean: [0, 0, 0], std: [1, 1, 1] } as const;

/** Leaves an image of the input's size as it is. */
const untouched: AugmentationOptions = {
  ...defaultAugmentation,
  crop: "random",
  padding: 0,
  hflip: 0,
  colorJitter: null,
};
const hardTargets = { ...defaultMixing, smoothing: 0 };

const options: TrainingLoaderOptions = { batchSize: 4, seed: 3, preprocessing, workers: 2 };
const plain: TrainingLoaderOptions = { ...options, augmentation: untouched, mixing: hardTargets };

const opened: TrainingLoader[] = [];
async function open(source: ImageSource | string, chosen: TrainingLoaderOptions): Promise<TrainingLoader> {
  const images = typeof source === "string" ? await openImages([source]) : source;
  const loader = await openTrainingLoader(images, chosen);
  opened.push(loader);
  return loader;
}
afterAll(() => Promise.all(opened.map((loader) => loader.close())));

/** Image i is grey with this value, which survives being encoded. */
const greyOf = (i: number): number => 10 * i + 5;
const classOf = (i: number): string => ["ant", "bee", "cow"][i % 3]!;
const count = 20;

async function encoded(grey: number, format: "png" | "jpeg" = "jpeg"): Promise<Buffer> {
  const background = { r: grey, g: grey, b: grey };
  return sharp({ create: { width: side, height: side, channels: 3, background } })
    .toFormat(format)
    .toBuffer();
}

/** Photographs of noise, larger than the input, so that every augmentation shows. */
async function noise(i: number): Promise<Buffer> {
  const pixels = Uint8Array.from({ length: 40 * 30 * 3 }, (_, k) => (k * (i + 3) * 2654435761) >>> 13);
  return sharp(pixels, { raw: { width: 40, height: 30, channels: 3 } })
    .jpeg()
    .toBuffer();
}

beforeAll(async () => {
  for (let i = 0; i < count; i++) {
    for (const name of ["grey", "noise", "broken"]) mkdirSync(at(name, classOf(i)), { recursive: true });
    const file = join(classOf(i), `${String(i).padStart(2, "0")}.jpg`);
    writeFileSync(at("grey", file), await encoded(greyOf(i)));
    writeFileSync(at("noise", file), await noise(i));
    const jpeg = await encoded(greyOf(i));
    writeFileSync(at("broken", file), i === 7 || i === 8 ? jpeg.subarray(0, 200) : jpeg);
  }
});

/** The number of the grey image at each place of the batch. */
function greys({ images, size }: TrainingBatch): number[] {
  const pixels = 3 * side * side;
  return Array.from({ length: size }, (_, n) => {
    const values = images.subarray(n * pixels, (n + 1) * pixels);
    expect(Math.max(...values) - Math.min(...values)).toBeLessThan(1e-6);
    return (values[0]! * 255 - 5) / 10;
  }).map((value) => Math.round(value));
}

/** The class of each image, from its one-hot target. */
function classesOf({ targets, size }: TrainingBatch, classes: readonly string[]): string[] {
  return Array.from({ length: size }, (_, n) => {
    const row = targets.subarray(n * classes.length, (n + 1) * classes.length);
    expect(row.toSorted()).toEqual(Float32Array.of(0, 0, 1));
    return classes[row.indexOf(1)]!;
  });
}

describe("a training loader", () => {
  it("gives each image once an epoch, with its label, and drops the incomplete batch", async () => {
    const loader = await open(at("grey"), { ...plain, batchSize: 6 });
    expect([loader.classes, loader.images, loader.batchesPerEpoch]).toEqual([["ant", "bee", "cow"], 20, 3]);
    const batches = await collect(loader.epoch(2));
    expect(batches.map(({ batch, epoch, size, skipped }) => [batch, epoch, size, skipped])).toEqual(
      [0, 1, 2].map((batch) => [batch, 2, 6, []]),
    );
    const seen = batches.flatMap(greys);
    expect(new Set(seen).size).toBe(18);
    expect(batches.flatMap((batch) => classesOf(batch, loader.classes))).toEqual(seen.map(classOf));
    expect((await collect(loader.epoch(3))).flatMap(greys)).not.toEqual(seen);
  });

  it("follows the order of the sampler", async () => {
    const loader = await open(at("grey"), { ...plain, sampler: "class-balanced" });
    const ids = (await collect(await openImages([at("grey")]))).map(({ id }) => parseInt(id.slice(-6)));
    const labels = ids.map((i) => i % 3);
    const order = epochOrder({ labels, seed: 3, epoch: 1, sampler: "class-balanced" });
    const seen = (await collect(loader.epoch(1))).flatMap(greys);
    expect(seen).toEqual([...order].map((image) => ids[image]!));
  });

  it("smooths labels", async () => {
    const loader = await open(at("grey"), { ...plain, mixing: { ...hardTargets, smoothing: 0.3 } });
    for await (const { targets } of loader.epoch(0)) {
      expect(targets.subarray(0, 3).toSorted()).toEqual(Float32Array.of(0.1, 0.1, 0.8));
    }
  });

  it("makes the same batches whatever the number of workers, with and without a cache", async () => {
    const settings = {
      ...options,
      augmentation: { ...defaultAugmentation, reProb: 0.5 },
      mixing: { ...defaultMixing, mixup: 0.4, cutmix: 1 },
    };
    const one = await open(at("noise"), { ...settings, workers: 1 });
    const expected = [await collect(one.epoch(0)), await collect(one.epoch(1))];
    expect(expected[0]).not.toEqual(expected[1]);
    expect(new Set(expected.flat().map(({ images }) => images[100])).size).toBe(10);
    for (const different of [{ workers: 3 }, { workers: 2, cacheBytes: 0 }]) {
      const loader = await open(at("noise"), { ...settings, ...different });
      expect([await collect(loader.epoch(0)), await collect(loader.epoch(1))]).toEqual(expected);
    }
  });

  it("goes on in mid-epoch with the very batches that were left", async () => {
    const first = await open(at("noise"), options);
    const whole = await collect(first.epoch(4));
    const resumed = await open(at("noise"), options);
    expect(await collect(resumed.epoch(4, { fromBatch: 3 }))).toEqual(whole.slice(3));
    expect(await collect(resumed.epoch(4, { fromBatch: 5 }))).toEqual([]);
    expect(() => resumed.epoch(4, { fromBatch: 6 })).toThrow(/0 to the 5 batches/);
    expect(() => resumed.epoch(-1)).toThrow(/integer from 0/);
  });

  it("shares each batch of an epoch between processes, as one process alone would make it", async () => {
    const whole = await collect((await open(at("noise"), { ...options, batchSize: 6 })).epoch(1));
    const parts = await Promise.all(
      [0, 1, 2].map(async (rank) => {
        const loader = await open(at("noise"), { ...options, batchSize: 2, rank, worldSize: 3 });
        expect(loader.batchesPerEpoch).toBe(3);
        return collect(loader.epoch(1));
      }),
    );
    const joined = whole.map((_, batch) => ({
      images: parts.flatMap((part) => [...part[batch]!.images]),
      targets: parts.flatMap((part) => [...part[batch]!.targets]),
    }));
    expect(joined).toEqual(
      whole.map(({ images, targets }) => ({ images: [...images], targets: [...targets] })),
    );
  });
});

describe("images that a model labelled", () => {
  /** The first images of the folder are true, the others labelled by a model: 12 and 8. */
  const parts = async (
    name: string,
  ): Promise<{ readonly source: ImageSource; readonly others: ImageSource }> => {
    const all = await collect(await openImages([at(name)]));
    const of = (images: typeof all): ImageSource => ({
      classes: ["ant", "bee", "cow"],
      size: images.length,
      async *[Symbol.asyncIterator]() {
        yield* images;
      },
    });
    const isOther = ({ id }: { readonly id: string }): boolean => parseInt(id.slice(-6)) >= 12;
    return { source: of(all.filter((item) => !isOther(item))), others: of(all.filter(isOther)) };
  };

  it("are every second one of each batch, beside as many true ones, each of which comes as often", async () => {
    const { source, others } = await parts("grey");
    const loader = await open(source, { ...plain, batchSize: 6, pseudoLabelled: others });
    // As long as without them.
    expect([loader.images, loader.batchesPerEpoch]).toEqual([12, 2]);
    const seen: number[] = [];
    // Six of each kind an epoch: eight epochs are four passes over the twelve, and six over the eight.
    for (let epoch = 0; epoch < 8; epoch++) {
      for (const batch of await collect(loader.epoch(epoch))) {
        const own = greys(batch);
        expect(own.map((i) => i >= 12)).toEqual([false, true, false, true, false, true]);
        expect(classesOf(batch, loader.classes)).toEqual(own.map(classOf));
        seen.push(...own);
      }
    }
    const times = (i: number): number => seen.filter((one) => one === i).length;
    expect(Array.from({ length: count }, (_, i) => times(i))).toEqual(
      Array.from({ length: count }, (_, i) => (i < 12 ? 4 : 6)),
    );
  });

  it("take the place of more labels of a class, and leave the classes as they are", async () => {
    const { source, others } = await parts("grey");
    const relabelled = (label: string): ImageSource => ({
      ...others,
      async *[Symbol.asyncIterator]() {
        for await (const item of others) yield { ...item, label };
      },
    });
    const loader = await open(source, { ...plain, batchSize: 12, pseudoLabelled: relabelled("bee") });
    const [batch] = await collect(loader.epoch(0));
    const labels = classesOf(batch!, loader.classes);
    expect(labels.filter((_, place) => place % 2 === 1)).toEqual(Array(6).fill("bee"));
    await expect(open(source, { ...plain, pseudoLabelled: relabelled("fly") })).rejects.toMatchObject({
      code: "data/class-mismatch",
    });
    const withoutCows: ImageSource = {
      ...source,
      async *[Symbol.asyncIterator]() {
        for await (const item of source) if (item.label !== "cow") yield item;
      },
    };
    await expect(open(withoutCows, { ...plain, pseudoLabelled: others })).rejects.toMatchObject({
      code: "data/empty-classes",
    });
  });

  it.each([
    [0.5, [0, 6]],
    [0.25, [0, 3]],
    [0.75, [3, 6]],
    [1, [6, 6]],
    [0, [0, 0]],
  ])("are augmented first where a share of %d of the images is", async (augmentProb, [own, other]) => {
    const { source, others } = await parts("grey");
    const augmentation = { ...untouched, reProb: 1, augmentProb };
    const loader = await open(source, { ...plain, augmentation, batchSize: 12, pseudoLabelled: others });
    const counts = [0, 0];
    const epochs = 40;
    for (let epoch = 0; epoch < epochs; epoch++) {
      for (const { images } of await collect(loader.epoch(epoch))) {
        for (let place = 0; place < 12; place++) {
          const pixels = images.subarray(place * 3 * side ** 2, (place + 1) * 3 * side ** 2);
          if (Math.max(...pixels) - Math.min(...pixels) > 1e-6) counts[place % 2]!++;
        }
      }
    }
    for (const [kind, expected] of [own!, other!].entries()) {
      // Exact where all or none are; else five standard deviations of as many draws.
      const slack = expected === 0 || expected === 6 ? 0 : 5 * Math.sqrt(epochs * 6 * 0.25);
      expect(Math.abs(counts[kind]! - epochs * expected)).toBeLessThanOrEqual(slack);
    }
  });

  it("are replaced by their like where they cannot be read", async () => {
    const { source, others } = await parts("broken");
    const loader = await open(others, { ...plain, batchSize: 4, pseudoLabelled: source });
    const seen = new Set<number>();
    for (let epoch = 0; epoch < 6; epoch++) {
      for (const batch of await collect(loader.epoch(epoch))) {
        const own = greys(batch);
        expect(own.map((i) => i < 12)).toEqual([false, true, false, true]);
        for (const i of own) seen.add(i);
      }
    }
    expect(seen.has(7)).toBe(false);
    expect(seen.size).toBe(18);
  });

  it("are shared by processes, each of which has both kinds by turns", async () => {
    const { source, others } = await parts("grey");
    const batches = await Promise.all(
      [0, 1].map(async (rank) => {
        const shared = { ...plain, batchSize: 6, pseudoLabelled: others, rank, worldSize: 2 };
        return collect((await open(source, shared)).epoch(0));
      }),
    );
    for (const [batch] of batches) {
      expect(greys(batch!).map((i) => i >= 12)).toEqual([false, true, false, true, false, true]);
    }
    expect(new Set(batches.flat().flatMap(greys)).size).toBe(12);
  });
});

describe("batches that are given back", () => {
  const mixed: TrainingLoaderOptions = {
    ...options,
    augmentation: { ...defaultAugmentation, reProb: 0.5 },
    mixing: { ...defaultMixing, mixup: 0.4, cutmix: 1 },
  };

  it("are emptied, and later ones hold the same as ever", async () => {
    const loader = await open(at("noise"), mixed);
    const expected = [...(await collect(loader.epoch(0))), ...(await collect(loader.epoch(1)))];
    const seen: TrainingBatch[] = [];
    for (const epoch of [0, 1]) {
      for await (const batch of loader.epoch(epoch)) {
        seen.push(structuredClone(batch));
        // As a training step in a thread of its own does: the memory comes back in other arrays.
        const transfer = [batch.images.buffer, batch.targets.buffer];
        const moved = epoch === 0 ? batch : structuredClone(batch, { transfer });
        loader.recycle(batch, moved);
        expect([moved.images.length, moved.targets.length]).toEqual([0, 0]);
        expect([batch.images.length, batch.targets.length]).toEqual([0, 0]);
      }
    }
    expect(seen).toEqual(expected);
  });

  it("twice, after a transfer, to another loader or to a closed one do no harm", async () => {
    const loader = await open(at("noise"), mixed);
    const expected = await collect(loader.epoch(0));
    const [moved] = await collect(loader.epoch(1));
    structuredClone(moved, { transfer: [moved!.images.buffer] });
    loader.recycle(moved!);
    expect(moved!.targets.length).toBeGreaterThan(0);

    const larger = await open(at("noise"), { ...mixed, batchSize: 5 });
    const foreign = await collect(larger.epoch(0));
    for (const batch of foreign) loader.recycle(batch);
    expect(foreign.every(({ images }) => images.length > 0)).toBe(true);

    const own = await collect(loader.epoch(2));
    for (const batch of [...own, ...own]) loader.recycle(batch);
    expect(await collect(loader.epoch(0))).toEqual(expected);

    const late = await collect(loader.epoch(3));
    await loader.close();
    for (const batch of late) loader.recycle(batch);
  });
});

describe("the sources of a training loader", () => {
  const files = async (): Promise<{ name: string; body: Buffer; label: string }[]> =>
    Promise.all(
      Array.from({ length: count }, async (_, i) => {
        return {
          name: `${String(i).padStart(2, "0")}.png`,
          body: await encoded(greyOf(i), "png"),
          label: classOf(i),
        };
      }),
    );
  const write = (name: string, bytes: Uint8Array): string => {
    writeFileSync(at(name), bytes);
    return at(name);
  };

  it.each([
    [
      "a tar of class folders",
      async () =>
        write(
          "classes.tar",
          await tarBytes(
            (await files()).map(({ name, body, label }) => ({ name: `${label}/${name}`, body })),
          ),
        ),
    ],
    [
      "a compressed tar",
      async () =>
        write(
          "classes.tar.gz",
          gzipSync(
            await tarBytes(
              (await files()).map(({ name, body, label }) => ({ name: `${label}/${name}`, body })),
            ),
          ),
        ),
    ],
    [
      "WebDataset shards",
      async () => {
        const all = await files();
        for (const shard of [0, 1]) {
          const members = all.slice(shard * 10, shard * 10 + 10).flatMap(({ name, body, label }) => [
            { name, body },
            { name: name.replace("png", "cls"), body: label },
          ]);
          write(`shard-${shard}.tar`, await tarBytes(members));
        }
        return at("shard-{0..1}.tar");
      },
    ],
    [
      "a Parquet table",
      async () => {
        const all = await files();
        const columnData = [
          { name: "image", data: all.map(({ body }) => new Uint8Array(body)), type: "BYTE_ARRAY" as const },
          { name: "label", data: all.map(({ label }) => label), type: "STRING" as const },
        ];
        return write("table.parquet", new Uint8Array(parquetWriteBuffer({ columnData })));
      },
    ],
  ])("may be %s", async (_, make) => {
    const loader = await open(await make(), plain);
    expect(loader.classes).toEqual(["ant", "bee", "cow"]);
    for (const epoch of [0, 1]) {
      const batches = await collect(loader.epoch(epoch));
      const seen = batches.flatMap(greys);
      expect([...seen].sort((a, b) => a - b)).toEqual([...Array(count).keys()]);
      expect(batches.flatMap((batch) => classesOf(batch, loader.classes))).toEqual(seen.map(classOf));
    }
  });

  it("leaves nothing in the temporary folder", async () => {
    const spilled = (): string[] =>
      readdirSync(tmpdir()).filter((name) => name.startsWith("ssl-resnext-images-"));
    const before = spilled();
    const loader = await openTrainingLoader(await openImages([at("table.parquet")]), plain);
    expect(spilled()).toHaveLength(before.length + 1);
    await loader.close();
    expect(spilled()).toEqual(before);
    await expect(
      openTrainingLoader(await openImages([at("table.parquet")]), { ...plain, batchSize: 21 }),
    ).rejects.toMatchObject({ name: "UsageError", code: "data/batch-too-large" });
    expect(spilled()).toEqual(before);
  });
});

describe("broken images", () => {
  it("are named in their batch, and others take their places", async () => {
    const batches = await collect((await open(at("broken"), plain)).epoch(0));
    const skipped = batches.flatMap((batch) => batch.skipped);
    expect(skipped.map(({ id }) => id.slice(-6)).sort()).toEqual(["07.jpg", "08.jpg"]);
    for (const { error } of skipped)
      expect(error).toMatchObject({ name: "ImageError", code: "image/truncated" });
    const seen = batches.flatMap(greys);
    expect(seen).toHaveLength(20);
    expect(seen.filter((grey) => grey === 7 || grey === 8)).toEqual([]);
    expect(batches.flatMap((batch) => classesOf(batch, ["ant", "bee", "cow"]))).toEqual(seen.map(classOf));

    const again = await collect((await open(at("broken"), { ...plain, workers: 1 })).epoch(0));
    // libvips has one buffer of error messages for all threads: the reasons it gives may differ.
    const withoutReasons = (made: typeof batches): unknown =>
      made.map((batch) => ({ ...batch, skipped: batch.skipped.map(({ id, error }) => [id, error.code]) }));
    expect(withoutReasons(again)).toEqual(withoutReasons(batches));
  });

  it("end the epoch when they shall", async () => {
    const loader = await open(at("broken"), { ...plain, onBrokenImage: "fail" });
    await expect(collect(loader.epoch(0))).rejects.toMatchObject({
      name: "DataError",
      code: "data/broken-image",
      message: expect.stringMatching(/0[78]\.jpg: The jpeg image ends too early/) as string,
    });
  });

  it("end the epoch when there are no others", async () => {
    mkdirSync(at("all-broken", "a"), { recursive: true });
    for (let i = 0; i < 4; i++) writeFileSync(at("all-broken", "a", `${i}.jpg`), "no image");
    const loader = await open(at("all-broken"), plain);
    await expect(collect(loader.epoch(0))).rejects.toMatchObject({
      name: "DataError",
      code: "data/broken-images",
    });
  });

  it("may be files that went away", async () => {
    const path = at("grey", "ant", "gone.jpg");
    writeFileSync(path, await encoded(0));
    const loader = await open(at("grey"), { ...plain, cacheBytes: 0, batchSize: 7 });
    rmSync(path);
    const skipped = (await collect(loader.epoch(0))).flatMap((batch) => batch.skipped);
    expect(skipped.map(({ id, error }) => [id, error.code])).toEqual([[path, "data/not-found"]]);
  });
});

describe("the end of a training loader", () => {
  const endless = { ...options, batchSize: 1 };

  it("comes when the signal says so, and the loader lives on", async () => {
    const loader = await open(at("noise"), endless);
    const abort = new AbortController();
    const reason = new Error("enough");
    const reading = (async () => {
      for await (const { batch } of loader.epoch(0, { signal: abort.signal }))
        if (batch === 2) abort.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
    expect(await collect(loader.epoch(0))).toHaveLength(20);
  });

  it("comes when the consumer stops, and the loader lives on", async () => {
    const loader = await open(at("noise"), endless);
    for await (const _ of loader.epoch(0)) break;
    expect(await collect(loader.epoch(0))).toHaveLength(20);
  });

  it("rejects what is under way, and what comes later", async () => {
    const loader = await open(at("noise"), endless);
    const reading = collect(loader.epoch(0));
    const released = { name: "SessionError", code: "runtime/released" };
    await Promise.all([expect(reading).rejects.toMatchObject(released), loader.close()]);
    await expect(collect(loader.epoch(1))).rejects.toMatchObject(released);
    await loader.close();
  });

  it("comes when a worker dies", async () => {
    const thread = startWorkerThread(new URL("../support/fragile-worker.mjs", import.meta.url));
    const loader = trainingLoader({
      threads: [thread],
      classes: ["a"],
      leftOut: [],
      batchSize: 1,
      rank: 0,
      worldSize: 1,
      batchesPerEpoch: 4,
      order: { labels: new Uint32Array(4), trueLabels: 4, seed: 1, sampler: "shuffled" },
      end: () => thread.end(),
    });
    const reading = collect(loader.epoch(0));
    const crashed = { name: "SessionError", code: "runtime/worker-crashed" };
    await Promise.all([
      expect(reading).rejects.toMatchObject(crashed),
      expect(thread.call("crash", undefined)).rejects.toMatchObject(crashed),
    ]);
    await expect(collect(loader.epoch(0))).rejects.toMatchObject({ code: "runtime/no-worker-left" });
    await loader.close();
  });
});

describe("the options of a training loader", () => {
  it.each([
    [{ batchSize: 0 }, "batchSize"],
    [{ seed: 1.5 }, "seed"],
    [{ rank: 2, worldSize: 2 }, "rank"],
    [{ workers: -1 }, "workers"],
  ])("are refused: %o", async (wrong, field) => {
    const source = await openImages([at("grey")]);
    await expect(openTrainingLoader(source, { ...plain, ...wrong })).rejects.toMatchObject({
      name: "UsageError",
      code: "data/loader-options",
      message: expect.stringContaining(field) as string,
    });
  });

  it("lists classes without images", async () => {
    mkdirSync(at("grey", "dodo"), { recursive: true });
    try {
      await expect(openTrainingLoader(await openImages([at("grey")]), plain)).rejects.toMatchObject({
        code: "data/empty-classes",
        message: expect.stringContaining("1 have none: dodo") as string,
      });
    } finally {
      rmSync(at("grey", "dodo"), { recursive: true });
    }
  });
});
