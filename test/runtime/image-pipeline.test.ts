import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ImageItem } from "../../src/data/index.ts";
import { cpuBlockSize } from "../../src/node/onnx/block-size.ts";
import { createSession } from "../../src/node/onnx/ort-session.ts";
import { nodePlatform } from "../../src/node/platform.ts";
import { createImagePipeline, type ImagePipelineOptions } from "../../src/predict/index.ts";
import type { ExecutionPlan, ImagePipeline, ImageResult } from "../../src/runtime/index.ts";
import { redImages, solidPng } from "../support/solid-images.ts";
import { boundlessImagesModel, channelMeansModel } from "../support/tiny-model.ts";

const swiftShader = "/usr/lib/chromium/vk_swiftshader_icd.json";
// Dawn reads it from the process's environment when the first WebGPU session opens.
process.env["VK_ICD_FILENAMES"] ??= swiftShader;

const preprocessing: ImagePipelineOptions["preprocessing"] = {
  inputSize: 8,
  cropPct: 1,
  interpolation: "bilinear",
  mean: [0, 0, 0],
  std: [1, 1, 1],
};
const plan = (workers: number, batchSize: number): ExecutionPlan => ({
  workers,
  threadsPerWorker: 1,
  batchSize,
  reason: "",
});

const open = (options: Partial<ImagePipelineOptions> = {}): Promise<ImagePipeline<ImageItem>> =>
  createImagePipeline(nodePlatform, {
    model: channelMeansModel(),
    outputs: ["logits"],
    preprocessing,
    plan: plan(2, 1),
    ...options,
  });

/** The red value that the model saw, 0 to 255; the error's code if there was one. */
const seen = (result: ImageResult<ImageItem>): number | string =>
  "error" in result ? result.error.code : Math.round(result.outputs["logits"]!.data[0]! * 255);

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of source) all.push(value);
  return all;
}

const reds = (count: number): number[] => Array.from({ length: count }, (_, i) => i % 256);

describe.each([
  { workers: 1, batchSize: 1 },
  { workers: 2, batchSize: 1 },
  { workers: 2, batchSize: 4 },
])("an image pipeline of $workers workers at batch $batchSize", ({ workers, batchSize }) => {
  let pipeline: ImagePipeline<ImageItem>;
  beforeAll(async () => {
    pipeline = await open({ plan: plan(workers, batchSize) });
  });
  afterAll(() => pipeline.release());

  it("gives each image its own outputs, in the order of the images", async () => {
    const results = await collect(pipeline.run(redImages(600)));
    expect(results.map(({ item }) => item.id)).toEqual(reds(600).map((_, i) => `image ${i}`));
    expect(results.map(seen)).toEqual(reds(600));
    expect(results[7]).toMatchObject({ outputs: { logits: { dtype: "float32", dims: [3] } } });
  });

  it("gives every image once when the order is free", async () => {
    const results = await collect(pipeline.run(redImages(100), { ordered: false }));
    expect(results.map(seen).toSorted((a, b) => Number(a) - Number(b))).toEqual(reds(100));
  });

  it("names what is wrong with an image, and goes on", async () => {
    const bytes = await solidPng([9, 0, 0]);
    const items: ImageItem[] = [
      { id: "good", content: { bytes } },
      { id: "cut off", content: { bytes: bytes.slice(0, 40) } },
      { id: "empty", content: { bytes: new Uint8Array(0) } },
      { id: "missing", content: { path: "/does/not/exist.png" } },
      { id: "good again", content: { bytes } },
    ];
    const results = await collect(pipeline.run(items));
    expect(results.map(seen)).toEqual([
      9,
      expect.stringMatching(/^image\//),
      "image/empty",
      expect.stringMatching(/^data\//),
      9,
    ]);
    expect(results[2]).toMatchObject({ item: items[2], error: { name: "ImageError" } });
    expect(bytes.byteLength).toBeGreaterThan(0);
  });

  it("takes concurrent runs", async () => {
    const runs = [40, 50, 60].map((count) => collect(pipeline.run(redImages(count))));
    expect((await Promise.all(runs)).map((run) => run.map(seen))).toEqual([reds(40), reds(50), reds(60)]);
  });

  it("reads ahead of a slow consumer by a bounded number of images", async () => {
    let handedOut = 0;
    const items = async function* (): AsyncGenerator<ImageItem> {
      for await (const item of redImages(200)) {
        handedOut++;
        yield item;
      }
    };
    let consumed = 0;
    let ahead = 0;
    for await (const result of pipeline.run(items())) {
      expect(seen(result)).toBe(consumed++);
      if (consumed % 20 === 0) await setTimeout(20);
      ahead = Math.max(ahead, handedOut - consumed);
    }
    expect(consumed).toBe(200);
    expect(ahead).toBeLessThanOrEqual((workers + 1) * (2 * batchSize + 1));
  });

  it("stops on an abort, and serves the next run", async () => {
    const controller = new AbortController();
    const results = pipeline.run(redImages(1e9), { signal: controller.signal });
    let count = 0;
    const run = (async () => {
      for await (const _ of results) if (++count === 10) controller.abort(new Error("enough"));
    })();
    await expect(run).rejects.toThrow("enough");
    expect(count).toBe(10);
    expect((await collect(pipeline.run(redImages(5)))).map(seen)).toEqual(reds(5));
  });

  it("stops when the consumer does", async () => {
    let last: ImageResult<ImageItem> | undefined;
    for await (const result of pipeline.run(redImages(1e9))) {
      last = result;
      if (seen(result) === 30) break;
    }
    expect(last?.item.id).toBe("image 30");
  });
});

describe("createImagePipeline", () => {
  it.skipIf(!existsSync(swiftShader))(`runs on WebGPU (skipped without ${swiftShader})`, async () => {
    const pipeline = await open({ device: "webgpu", plan: plan(1, 16) });
    expect((await collect(pipeline.run(redImages(50)))).map(seen)).toEqual(reds(50));
    await pipeline.release();
  });

  it("compiles the model for the CPU's block size", async () => {
    const sizes: (number | undefined)[] = [];
    const pipeline = await open({
      model: (blockSize) => {
        sizes.push(blockSize);
        return Promise.resolve(channelMeansModel());
      },
    });
    expect(sizes).toEqual([await cpuBlockSize()]);
    expect((await collect(pipeline.run(redImages(3)))).map(seen)).toEqual([0, 1, 2]);
    await pipeline.release();
  });

  it("ends its workers when the model does not come, or is none", async () => {
    await expect(open({ model: () => Promise.reject(new Error("no weights")) })).rejects.toThrow(
      "no weights",
    );
    await expect(open({ model: new Uint8Array(4) })).rejects.toThrow(
      expect.objectContaining({ code: "runtime/model-rejected" }),
    );
  });

  it("gives the same input to the model as a session is given", async () => {
    const pipeline = await open({ outputs: ["pixels"] });
    const item = { id: "", content: { bytes: await solidPng([10, 20, 30]) } };
    const [result] = await collect(pipeline.run([item]));
    await pipeline.release();
    const expected = Float32Array.from({ length: 3 * 64 }, (_, i) => [10, 20, 30][Math.floor(i / 64)]! / 255);
    const session = await createSession(channelMeansModel());
    const feeds = { images: { dtype: "float32", dims: [1, 3, 8, 8], data: expected } } as const;
    const { pixels } = await session.run(feeds, { outputs: ["pixels"] });
    await session.release();
    expect(result).toEqual({ item, outputs: { pixels: { ...pixels, dims: [3, 8, 8] } } });
  });

  it("gives images that need too much memory an error each", async () => {
    const pipeline = await open({ model: boundlessImagesModel(), outputs: ["big"] });
    const results = await collect(pipeline.run(redImages(10)));
    expect(results.map(seen)).toEqual(reds(10).map(() => "runtime/out-of-memory"));
    await pipeline.release();
  });

  it("rejects runs under way, and later ones, when it is released", async () => {
    const pipeline = await open();
    const run = collect(pipeline.run(redImages(1e9)));
    const released = expect.objectContaining({ name: "SessionError", code: "runtime/released" });
    await setTimeout(20);
    await Promise.all([expect(run).rejects.toThrow(released), pipeline.release()]);
    await expect(collect(pipeline.run(redImages(1)))).rejects.toThrow(released);
  });
});
