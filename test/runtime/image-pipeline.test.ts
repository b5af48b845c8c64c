import { describe, expect, it } from "vitest";
import type { ImageItem } from "../../src/data/index.ts";
import { cpuBlockSize } from "../../src/node/engines/onnxruntime/block-size.ts";
import { createSession } from "../../src/node/engines/onnxruntime/ort-session.ts";
import { nodePlatform } from "../../src/node/platform.ts";
import { createImagePipeline, type ImagePipelineOptions } from "../../src/predict/index.ts";
import type { ExecutionPlan, ImagePipeline, ImageResult } from "../../src/runtime/index.ts";
import { redImages, solidPng } from "../support/solid-images.ts";
import { boundlessImagesModel, channelMeansModel } from "../support/tiny-model.ts";

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

describe("createImagePipeline", () => {
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
    expect(result).toEqual({ item, outputs: { pixels: { ...pixels, dims: [3, 8, 8] } }, unturned: false });
  });

  it("gives images that need too much memory an error each", async () => {
    const pipeline = await open({ model: boundlessImagesModel(), outputs: ["big"] });
    const results = await collect(pipeline.run(redImages(10)));
    expect(results.map(seen)).toEqual(reds(10).map(() => "runtime/out-of-memory"));
    await pipeline.release();
  });
});
