import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createModel, explanationPng, type Explained, type Model } from "../../src/index.ts";
import type { ImageItem } from "../../src/data/index.ts";
import { colourCheckpoint, colours } from "../support/colour-model.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const corners = {
  "top left": [0, 0],
  "top right": [1, 0],
  "bottom left": [0, 1],
  "bottom right": [1, 1],
} as const;
type Corner = keyof typeof corners;

/** Grey, with a square of a colour in a corner; the crop is the whole image. */
async function scene(colour: keyof typeof colours, corner: Corner): Promise<Uint8Array<ArrayBuffer>> {
  const [r, g, b] = colours[colour];
  const square = await sharp({ create: { width: 36, height: 36, channels: 3, background: { r, g, b } } })
    .png()
    .toBuffer();
  const [right, below] = corners[corner];
  const picture = await sharp({
    create: { width: 96, height: 96, channels: 3, background: "rgb(120, 120, 120)" },
  })
    .composite([{ input: square, left: right * 60, top: below * 60 }])
    .png()
    .toBuffer();
  return new Uint8Array(picture);
}

/** The corner of the map with the most heat. */
function hottestCorner({ map: { dims, data } }: Explained): Corner {
  const [height, width] = dims;
  const heat = ([right, below]: readonly [number, number]): number =>
    data.reduce((sum, value, at) => {
      const [x, y] = [at % width, Math.floor(at / width)];
      return sum + (x >= width / 2 === (right === 1) && y >= height / 2 === (below === 1) ? value : 0);
    }, 0);
  return (Object.keys(corners) as Corner[]).toSorted((a, b) => heat(corners[b]) - heat(corners[a]))[0]!;
}

let model: Model;
beforeAll(async () => {
  const weights = await colourCheckpoint(temporaryFolder());
  model = await createModel(weights, { preprocessing: { cropPct: 1 }, plan: { batchSize: 4, workers: 1 } });
});
afterAll(() => model.release());

describe("explain", () => {
  it.each(Object.keys(corners) as Corner[])("finds what stands in the %s corner", async (corner) => {
    const explained = await model.explain(await scene("red", corner), { classIndex: 0 });
    expect(explained.explained).toMatchObject({ index: 0, label: "red" });
    expect(explained.layer).toBe("layer2");
    expect(explained.map.dims).toEqual([4, 4]);
    expect(Math.max(...explained.map.data)).toBe(1);
    expect(Math.min(...explained.map.data)).toBeGreaterThanOrEqual(0);
    expect(hottestCorner(explained)).toBe(corner);
  });

  it("explains the predicted class of each image, in batches that need not be full", async () => {
    const shown = Array.from({ length: 6 }, (_, at) => ({
      colour: (["red", "green", "blue"] as const)[at % 3]!,
      corner: (Object.keys(corners) as Corner[])[at % 4]!,
    }));
    const source = {
      async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
        for (const [at, { colour, corner }] of shown.entries()) {
          yield { id: `${at}`, content: { bytes: await scene(colour, corner) } };
        }
      },
    };
    const together: Explained[] = [];
    for await (const result of model.explainAll(source)) together.push(result as Explained);
    expect(together).toHaveLength(6);
    for (const [at, { colour, corner }] of shown.entries()) {
      const alone = await model.explain(await scene(colour, corner));
      const classified = await model.classify(await scene(colour, corner));
      expect(together[at]!.explained.index).toBe(classified[0]!.index);
      expect(together[at]!.predictions.map(({ index }) => index)).toEqual(
        classified.map(({ index }) => index),
      );
      const difference = Math.max(
        ...alone.map.data.map((value, i) => Math.abs(value - together[at]!.map.data[i]!)),
      );
      expect(difference).toBeLessThan(1e-5);
    }
  });

  it("draws the map where the object is", async () => {
    const explained = await model.explain(await scene("blue", "bottom left"), {
      classIndex: 2,
      layer: "layer1",
    });
    expect(explained.map.dims).toEqual([8, 8]);
    const png = await explanationPng(explained, model.description.preprocessing);
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([96, 96, 3]);
    const brightness = (x: number, y: number): number =>
      data[3 * (y * 96 + x)]! + data[3 * (y * 96 + x) + 1]!;
    expect(brightness(18, 78)).toBeGreaterThan(brightness(78, 18));
  });

  it("refuses classes and layers that are not there, and images that are none", async () => {
    const image = await scene("red", "top left");
    await expect(model.explain(image, { classIndex: 3 })).rejects.toMatchObject({
      code: "model/unknown-class",
    });
    await expect(model.explain(image, { layer: "layer4" })).rejects.toMatchObject({
      code: "model/unknown-output",
    });
    await expect(model.explain(join("none", "none.jpg"))).rejects.toMatchObject({ code: "data/not-found" });
  });
});
