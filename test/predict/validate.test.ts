import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseRealLabels, type ImageItem } from "../../src/data/index.ts";
import { createModel } from "../../src/node/library.ts";
import type { Model } from "../../src/predict/index.ts";
import { colourCheckpoint, colours } from "../support/colour-model.ts";
import { solidPng } from "../support/solid-images.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
let model: Model;
let red: ImageItem;

beforeAll(async () => {
  model = await createModel(await colourCheckpoint(folder));
  red = { id: "red.png", label: "red", content: { bytes: await solidPng(colours.red) } };
});
afterAll(() => model.release());

interface Labelled extends AsyncIterable<ImageItem> {
  readonly classes?: readonly string[];
}

function source(items: readonly ImageItem[], classes?: readonly string[]): Labelled {
  return {
    ...(classes ? { classes } : {}),
    async *[Symbol.asyncIterator]() {
      yield* items;
    },
  };
}

describe("failures", () => {
  it("are handed over one by one as they come; the report keeps the first 100", async () => {
    const broken = Array.from({ length: 150 }, (_, i): ImageItem => ({
      id: `broken ${i}`,
      label: "red",
      content: { bytes: new Uint8Array(4) },
    }));
    const events: string[] = [];
    const report = await model.validate(source([...broken, red]), {
      onFailure: async ({ image }) => {
        await Promise.resolve();
        events.push(image);
      },
      onProgress: (done, failed) => events.push(`${done} done, ${failed} failed`),
    });
    expect(events).toHaveLength(301);
    expect(events.slice(0, 4)).toEqual(["broken 0", "1 done, 1 failed", "broken 1", "2 done, 2 failed"]);
    expect(events.at(-1)).toBe("151 done, 150 failed");
    expect(report).toMatchObject({ count: 1, top1: 100, failed: 150 });
    expect(report.failures.map(({ image }) => image)).toEqual(broken.slice(0, 100).map(({ id }) => id));
  });
});

describe("ReaL labels", () => {
  const named = (number: number, name: keyof typeof colours): Promise<ImageItem> =>
    solidPng(colours[name]).then((bytes) => ({
      id: `val/ILSVRC2012_val_0000000${number}.JPEG`,
      content: { bytes },
    }));
  const realLabels = parseRealLabels("[[0],[1],[]]", "real.json");
  let images: ImageItem[];
  beforeAll(async () => {
    images = [await named(1, "red"), await named(2, "blue"), await named(3, "green")];
  });

  it("measure images that lie in no class folders", async () => {
    const report = await model.validate(source(images), { realLabels });
    expect(report).toMatchObject({ count: 0, top1: NaN, real: { count: 2, top1: 50 }, failed: 0 });
    const inOneFolder = images.map((image) => ({ ...image, label: "val" }));
    expect(await model.validate(source(inOneFolder, ["val"]), { realLabels })).toMatchObject({
      count: 0,
      real: { count: 2, top1: 50 },
    });
  });

  it("count a foreign file as failed, and go on", async () => {
    const report = await model.validate(source([...images, red], ["red"]), { realLabels });
    expect(report).toMatchObject({ count: 0, real: { count: 2, top1: 50 }, failed: 1 });
    expect(report.failures).toMatchObject([{ image: "red.png", error: { code: "data/real-id" } }]);
  });

  it("are refused for data of which they know no image, before one is read", async () => {
    const unread = { ...source([]), size: 1, [Symbol.asyncIterator]: source([red])[Symbol.asyncIterator] };
    await expect(
      model.validate(unread, {
        realLabels,
        onFailure: () => {
          throw new Error("an image was read");
        },
      }),
    ).rejects.toMatchObject({ code: "data/real-id" });
  });
});

describe("a subset", () => {
  const subset = [0, 1];

  it("is compared with the classes of the data before an image is read", async () => {
    const unread: Labelled = {
      classes: ["red", "blue"],
      [Symbol.asyncIterator]: () => {
        throw new Error("an image was read");
      },
    };
    await expect(model.validate(unread, { subset })).rejects.toMatchObject({
      code: "data/outside-subset",
      message: expect.stringContaining(
        "1 of the data's 2 classes are not among the 2 of the subset: blue.",
      ) as string,
    });
  });

  it("goes with data that announce every class of the model and hold fewer", async () => {
    const announced = ["red", "green", "blue"];
    expect(await model.validate(source([red], announced), { subset })).toMatchObject({ count: 1, failed: 0 });
    const blue: ImageItem = { ...red, label: "blue" };
    await expect(model.validate(source([blue], announced), { subset })).rejects.toMatchObject({
      code: "data/outside-subset",
    });
  });
});
