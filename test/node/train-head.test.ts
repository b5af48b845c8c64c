import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";

import type { ImageItem } from "../../src/data/index.ts";
import { createModel, exportSafetensors, openImages } from "../../src/node/library.ts";
import type { ModelSource } from "../../src/predict/open-model.ts";
import { trainHead } from "../../src/node/training.ts";
import type { HeadEvent, TrainedHead, TrainHeadOptions } from "../../src/train/index.ts";
import { colours, writeColouredImages } from "../support/coloured-images.ts";
import { smallNetwork, type SmallNetworkOptions } from "../support/small-network.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const data = join(folder, "data");
const cache = join(folder, "cache");
const classes = colours;
const imagesPerClass = 12;

const network = (options: SmallNetworkOptions = {}): ModelSource => smallNetwork({ classes, ...options });

const upright = ({ description, ...source }: ModelSource): ModelSource => ({
  ...source,
  description: { ...description, preprocessing: { ...description.preprocessing, exifOrientation: true } },
});

async function run(
  source: ModelSource,
  options: Partial<TrainHeadOptions> = {},
): Promise<{ readonly events: readonly HeadEvent[]; readonly trained: TrainedHead }> {
  const running = trainHead(source, await openImages([data]), { classes, cache, ...options });
  const events: HeadEvent[] = [];
  for (;;) {
    const next = await running.next();
    if (next.done) return { events, trained: next.value };
    events.push(next.value);
  }
}

const embedded = (events: readonly HeadEvent[]): Extract<HeadEvent, { type: "embedded" }> =>
  events.find((event) => event.type === "embedded")!;

async function weightsOf(trained: ModelSource, name: string): Promise<readonly number[]> {
  const path = join(folder, `${name}.safetensors`);
  await exportSafetensors(trained, path);
  return [...readFileSync(path)];
}

async function* iterated<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

beforeAll(() => writeColouredImages(data, imagesPerClass));

describe("a head trained on a folder", () => {
  it("gives a checkpoint that classifies, with the classes of the folder", async () => {
    const { events, trained } = await run(network());
    const path = join(folder, "trained.safetensors");
    await exportSafetensors(trained, path);
    const model = await createModel(path);
    try {
      expect(model.classes).toEqual(classes);
      expect(await model.validate(await openImages([data]))).toMatchObject({ count: 36, top1: 100 });
    } finally {
      await model.release();
    }
    expect(embedded(events)).toMatchObject({ images: 36, cached: 0 });
    expect(events.at(-1)).toMatchObject({ type: "fitted", top1: 100 });
    const tried = events.filter((event) => event.type === "tried");
    expect(tried.length).toBeGreaterThan(1);
    const best = tried.reduce((a, b) => (b.loss < a.loss ? b : a));
    expect(events.at(-1)).toMatchObject({ l2: best.l2 });
  });

  it("says of each image what a fit that has not seen it makes of it", async () => {
    const { events, trained } = await run(network());
    const { crossValidation } = trained;
    expect(events).toContainEqual({ type: "cross-validated", ...crossValidation });
    expect(crossValidation).toMatchObject({ folds: 5, notJudged: 0, top5: 100 });
    const { images, loss, top1 } = crossValidation!;
    const files = await openImages([data]);
    const expected: { readonly id: string; readonly target: number }[] = [];
    for await (const { id, label } of files) expected.push({ id, target: classes.indexOf(label as "red") });
    expect(images.map(({ id, target }) => ({ id, target }))).toEqual(expected);
    expect(images.reduce((sum, image) => sum + image.loss, 0) / images.length).toBeCloseTo(loss, 6);
    const right = images.filter(({ target, predicted }) => target === predicted);
    expect((100 * right.length) / images.length).toBeCloseTo(top1, 6);
    for (const { target, predicted, probability, loss: own } of right)
      expect(target === predicted && Math.exp(-own)).toBeCloseTo(probability, 4);
  });

  it("has the same folds with the same seed, so that two heads can be compared", async () => {
    const lossesOf = async (options: Partial<TrainHeadOptions>): Promise<readonly number[]> =>
      (await run(network(), options)).trained.crossValidation!.images.map(({ loss }) => loss);
    const first = await lossesOf({ strengths: [0.1] });
    expect(await lossesOf({ strengths: [0.1] })).toEqual(first);
    expect(await lossesOf({ strengths: [0.1], seed: 1 })).not.toEqual(first);
  });

  it("changes with balanced classes, and with smoothed labels", async () => {
    const few = await openImages([data]);
    const images: ImageItem[] = [];
    for await (const item of few) if (item.label !== "red" || images.length % 3 === 0) images.push(item);
    const source = { ...few, size: images.length, [Symbol.asyncIterator]: () => iterated(images) };
    const weights = async (name: string, options: Partial<TrainHeadOptions>): Promise<readonly number[]> => {
      const training = trainHead(network(), source, { classes, cache, strengths: [0.01], ...options });
      let next = await training.next();
      while (!next.done) next = await training.next();
      return weightsOf(next.value, name);
    };
    const plain = await weights("plain", {});
    expect(await weights("plain", {})).toEqual(plain);
    expect(await weights("balanced", { classBalanced: true })).not.toEqual(plain);
    expect(await weights("smooth", { smoothing: 0.1 })).not.toEqual(plain);
  });

  it("embeds each image once, and ends with the same weights", async () => {
    const first = await run(network());
    const again = await run(network());
    expect(embedded(again.events).cached).toBe(36);
    expect(await weightsOf(again.trained, "again")).toEqual(await weightsOf(first.trained, "first"));
    const without = await run(network(), { cache: false });
    expect(embedded(without.events).cached).toBe(0);
  });

  it("embeds anew with other weights or another transform", async () => {
    await run(network());
    expect(embedded((await run(network({ seed: 6 }))).events).cached).toBe(0);
    expect(embedded((await run(network({ inputSize: 40 }))).events).cached).toBe(0);
    expect(embedded((await run(upright(network()))).events).cached).toBe(0);
  });

  it("goes by what an image holds, and computes a file of the cache anew that was damaged", async () => {
    const own = join(folder, "own-cache");
    const source = network();
    await run(source, { cache: own });
    const renamed = await openImages([join(data, "red"), join(data, "green"), join(data, "blue")]);
    const labelled = {
      ...renamed,
      async *[Symbol.asyncIterator]() {
        for await (const item of renamed)
          yield { ...item, label: item.id.split("/").at(-2)!, id: `copy of ${item.id}` };
      },
    };
    const events: HeadEvent[] = [];
    for await (const event of trainHead(source, labelled, { classes, cache: own })) events.push(event);
    expect(embedded(events).cached).toBe(36);

    const [key] = readdirSync(own);
    const [part] = readdirSync(join(own, key!));
    truncateSync(join(own, key!, part!), 500);
    writeFileSync(join(own, key!, "half-written.safetensors.partial"), "half");
    expect(embedded((await run(source, { cache: own })).events).cached).toBe(0);
    expect(embedded((await run(source, { cache: own })).events).cached).toBe(36);
  });

  it("finds what earlier versions computed", async () => {
    const own = join(folder, "earlier-cache");
    await run(network(), { cache: own });
    expect(readdirSync(own)).toEqual(["d72aaec4bd659cba9fb7c67f77d4608ae811c66254ccecfd88395378728c0200"]);
  });

  it("says what to do about a cache that cannot be written", async () => {
    const occupied = join(folder, "occupied");
    writeFileSync(occupied, "");
    await expect(run(network(), { cache: occupied })).rejects.toMatchObject({
      name: "WeightsError",
      code: "weights/cache-unwritable",
      message: expect.stringContaining("choose another folder") as string,
    });
  });

  it("leaves out images that cannot be read, and names them", async () => {
    const broken = join(data, "red", "broken.png");
    writeFileSync(broken, "no image");
    const { events } = await run(network(), { cache: false });
    expect(events[0]).toMatchObject({ type: "skipped", id: broken, error: { code: "image/unknown-format" } });
    expect(embedded(events).images).toBe(36);
    rmSync(broken);
  });

  it("refuses classes without images, and a classifier of another number of classes", async () => {
    const four = [...classes, "violet"];
    await expect(run(network(), { classes: four })).rejects.toMatchObject({ code: "model/class-names" });
    await expect(run(network({ numClasses: 4 }), { classes: four })).rejects.toMatchObject({
      code: "data/empty-classes",
      message: expect.stringContaining("violet") as string,
    });
  });
});

describe("a head with unlabelled images", () => {
  const more = join(folder, "more");
  beforeAll(() => writeColouredImages(more, 70, 2));

  it("looks at how their embeddings vary, and classifies as a plain one does", async () => {
    const unlabelled = await openImages([more]);
    const { events, trained } = await run(network(), { unlabelled });
    expect(events.map(({ type }) => type).slice(0, 2)).toEqual(["embedded", "unlabelled-embedded"]);
    expect(events[1]).toMatchObject({ images: 210 });
    const plain = await run(network());
    expect(await weightsOf(trained, "whitened")).not.toEqual(await weightsOf(plain.trained, "plain"));
    const path = join(folder, "whitened.safetensors");
    const model = await createModel(path);
    try {
      expect(await model.validate(await openImages([data]))).toMatchObject({ count: 36, top1: 100 });
    } finally {
      await model.release();
    }
    const again = await run(network(), { unlabelled });
    expect(again.events[1]).toMatchObject({ type: "unlabelled-embedded", cached: 210 });
    expect(await weightsOf(again.trained, "whitened-again")).toEqual([...readFileSync(path)]);
  });

  it("looks at some of many, drawn by the seed", async () => {
    const unlabelled = await openImages([more]);
    const cut = async (seed: number, name: string): Promise<readonly number[]> => {
      const { events, trained } = await run(network(), { unlabelled, whiteningImages: 205, seed });
      expect(events[1]).toMatchObject({ type: "unlabelled-embedded", images: 205 });
      return weightsOf(trained, name);
    };
    const first = await cut(1, "seed-1");
    expect(await cut(1, "seed-1-again")).toEqual(first);
    expect(await cut(2, "seed-2")).not.toEqual(first);
  });

  it("says that they are too few, and goes on without them", async () => {
    const few = await openImages([join(more, "red")]);
    const { events, trained } = await run(network(), { unlabelled: few });
    expect(events[1]).toMatchObject({
      type: "unlabelled-unused",
      images: 70,
      reason: "70 unlabelled images are too few to say how embeddings vary: give 200 or more",
    });
    const plain = await run(network());
    expect(await weightsOf(trained, "few")).toEqual(await weightsOf(plain.trained, "without"));
  });
});

describe("classes of a single image", () => {
  const single = async (...counts: readonly number[]): Promise<TrainedHead> => {
    const images: ImageItem[] = [];
    const left = new Map(classes.map((name, index) => [name as string, counts[index]!]));
    for await (const item of await openImages([data])) {
      const count = left.get(item.label!)!;
      if (count > 0) images.push(item);
      left.set(item.label!, count - 1);
    }
    const source = { classes, size: images.length, [Symbol.asyncIterator]: () => iterated(images) };
    const training = trainHead(network(), source, { classes, cache });
    let next = await training.next();
    while (!next.done) next = await training.next();
    return next.value;
  };

  it("are never held out", async () => {
    const { crossValidation } = await single(6, 1, 6);
    expect(crossValidation).toMatchObject({ folds: 5, notJudged: 1 });
    expect(crossValidation!.images).toHaveLength(12);
  });

  it("make fewer folds, or none", async () => {
    expect((await single(3, 2, 1)).crossValidation).toMatchObject({ folds: 3, notJudged: 1 });
    expect((await single(1, 1, 1)).crossValidation).toBeUndefined();
  });
});

describe("the mean of an image and its mirror", () => {
  it("is what both embeddings give", async () => {
    const [image, mirror] = ["image.png", "mirror.png"].map((name) => join(folder, name));
    const pixels = Uint8Array.from({ length: 32 * 32 * 3 }, (_, at) => (at * at) % 251);
    const drawn = sharp(pixels, { raw: { width: 32, height: 32, channels: 3 } }).png();
    await drawn.clone().toFile(image!);
    await drawn.clone().flop().toFile(mirror!);
    const path = join(folder, "network.safetensors");
    await exportSafetensors(network(), path);
    const model = await createModel(path);
    try {
      const [own, other] = [await model.embed(image!), await model.embed(mirror!)];
      const both = await model.embed(image!, { mirror: "averaged" });
      expect(own).not.toEqual(other);
      both.forEach((value, i) => expect(value).toBeCloseTo((own[i]! + other[i]!) / 2, 5));
    } finally {
      await model.release();
    }
  });
});
