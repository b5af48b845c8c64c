import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { createModel, exportSafetensors, openImages } from "../../src/node/library.ts";
import type { ModelSource } from "../../src/predict/open-model.ts";
import { trainHead } from "../../src/node/training.ts";
import type { HeadEvent, TrainHeadOptions } from "../../src/train/index.ts";
import { colours, writeColouredImages } from "../support/coloured-images.ts";
import { smallNetwork, type SmallNetworkOptions } from "../support/small-network.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const data = join(folder, "data");
const cache = join(folder, "cache");
const classes = colours;
const imagesPerClass = 12;

const network = (options: SmallNetworkOptions = {}): ModelSource => smallNetwork({ classes, ...options });

async function run(
  source: ModelSource,
  options: Partial<TrainHeadOptions> = {},
): Promise<{ readonly events: readonly HeadEvent[]; readonly trained: ModelSource }> {
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
    expect(embedded((await run(network(), { decode: { exifOrientation: true } })).events).cached).toBe(0);
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
    expect(readdirSync(own)).toEqual(["18488a230e04fe6262382af12f4673c4495e87d886a1ae45d4fd5aa80943eb7b"]);
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
