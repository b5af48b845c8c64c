import { describe, expect, it } from "vitest";
import { tensor, type Tensor } from "../../src/core/index.ts";
import { buildGraph, float32, mul } from "../../src/graph/index.ts";
import {
  evalCrop,
  imagenetPreprocessing,
  normalise,
  type Preprocessing,
  type RgbImage,
} from "../../src/image/index.ts";
import { preprocessingGraph, type RawImages } from "../../src/nn/graphs/preprocessing-graph.ts";
import { noise } from "../image/noise.ts";
import { runGraph } from "../support/run-graph.ts";
import { sha256 } from "../support/sha256.ts";

/** Bytes of the crop as planes: with this mean and deviation the graph gives them. */
const bytes = { mean: [0, 0, 0], std: [1, 1, 1] } as const;

function planesOf({ width, height, data }: RgbImage): Float32Array<ArrayBuffer> {
  const planes = new Float32Array(data.length);
  const pixels = width * height;
  data.forEach((value, i) => (planes[(i % 3) * pixels + Math.floor(i / 3)] = value));
  return planes;
}

const feeds: Readonly<Record<RawImages, (image: RgbImage) => Tensor>> = {
  bytes: ({ width, height, data }) => tensor("uint8", [height, width, 3], new Uint8Array(data)),
  planes: (image) => tensor("float32", [1, 3, image.height, image.width], planesOf(image)),
};

async function crop(
  image: RgbImage,
  channels: 1 | 3,
  preprocessing: Preprocessing,
  kind: RawImages = "bytes",
): Promise<Float32Array> {
  const graph = buildGraph({
    x: mul(preprocessingGraph(preprocessing, channels, "image", kind), float32(255)),
  });
  const { x } = await runGraph(graph, { image: feeds[kind](image) });
  expect(x!.dims).toEqual([1, channels, preprocessing.inputSize, preprocessing.inputSize]);
  return x!.data as Float32Array;
}

const largest = (values: Float32Array): number => values.reduce((most, value) => Math.max(most, value), 0);

const sizes = [
  [500, 375],
  [375, 500],
  [341, 256],
  [448, 448],
  [1024, 683],
  [53, 37],
  [300, 250],
  [2000, 300],
  [300, 900],
  [150, 301],
  [3, 2],
  [1, 1],
] as const;

describe("the eval transform inside a graph", () => {
  // `evalCrop` gives Pillow's bytes.
  it.each([
    ["bilinear", { ...imagenetPreprocessing, ...bytes }],
    ["bicubic", { ...imagenetPreprocessing, ...bytes, interpolation: "bicubic", cropPct: 0.95 }],
    ["a crop beyond the image", { ...imagenetPreprocessing, ...bytes, inputSize: 65, cropPct: 1.5 }],
    ["a small crop", { ...imagenetPreprocessing, ...bytes, inputSize: 33, cropPct: 0.9 }],
  ] as const)("gives Pillow's bytes: %s", async (_, given) => {
    for (const [i, [width, height]] of sizes.entries()) {
      const image = noise(width, height);
      const found = await crop(image, 3, given, i % 2 === 0 ? "bytes" : "planes");
      expect({ width, height, crop: sha256(Uint8Array.from(found, Math.round)) }).toEqual({
        width,
        height,
        crop: sha256(Uint8Array.from(planesOf(evalCrop(image, given)))),
      });
    }
  });

  it("makes grey of colours first, by Pillow's luma, for a model of one channel", async () => {
    const image = noise(50, 40);
    const grey = new Uint8Array(image.data.length);
    for (let i = 0; i < grey.length; i += 3) {
      const [red, green, blue] = image.data.subarray(i, i + 3) as unknown as [number, number, number];
      grey.fill((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16, i, i + 3);
    }
    const preprocessing = { ...imagenetPreprocessing, ...bytes, inputSize: 24 };
    const found = await crop(image, 1, preprocessing);
    const expected = planesOf(evalCrop({ ...image, data: grey }, preprocessing)).subarray(0, 24 * 24);
    expect(found.map(Math.round)).toEqual(expected);
  });

  it("normalises as everywhere else", async () => {
    const image = noise(224, 224);
    const preprocessing = { ...imagenetPreprocessing, cropPct: 1 };
    const expected = new Float32Array(3 * 224 * 224);
    normalise(image, preprocessing, expected);
    const found = await crop(image, 3, preprocessing);
    expect(largest(expected.map((value, i) => Math.abs(value - found[i]! / 255)))).toBeLessThan(1e-6);
  });

  it("refuses other numbers of channels", () => {
    expect(() => preprocessingGraph(imagenetPreprocessing, 4, "image")).toThrow(
      expect.objectContaining({ code: "model/channels" }),
    );
  });
});
