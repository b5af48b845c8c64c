import type { ImageItem } from "ssl-resnext/data";
import { createImagePipeline, type ImagePipelineOptions } from "ssl-resnext/predict";
import type { Device, ExecutionPlan, ImagePipeline, ImageResult, Platform } from "ssl-resnext/runtime";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { pixmap } from "../support/portable-images.ts";
import { channelMeansModel } from "../support/tiny-model.ts";

/** A platform whose workers run models over images, and a device of it. */
export interface PipelineRuntime {
  readonly platform: Pick<Platform, "name" | "startThread" | "blockSize">;
  readonly device: Device;
  /** Why it cannot be tested here; undefined where it can. */
  readonly missing?: string | undefined;
}

const side = 8;
const preprocessing: ImagePipelineOptions["preprocessing"] = {
  inputSize: side,
  cropPct: 1,
  interpolation: "bilinear",
  mean: [0, 0, 0],
  std: [1, 1, 1],
};

/** The red value that the model saw, 0 to 255; the error's code if there was one. */
const seen = (result: ImageResult<ImageItem>): number | string =>
  "error" in result ? result.error.code : Math.round(result.outputs["logits"]!.data[0]! * 255);

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of source) all.push(value);
  return all;
}

const red = (value: number, width = 16, height = 16): Uint8Array<ArrayBuffer> =>
  pixmap(width, height, (at) => (at % 3 === 0 ? value : 0));

const reds = (count: number): number[] => Array.from({ length: count }, (_, i) => i % 256);

/** `count` small images; the red of image i is i modulo 256. */
async function* redImages(count: number): AsyncGenerator<ImageItem> {
  for (let i = 0; i < count; i++) yield { id: `image ${i}`, content: { bytes: red(i % 256) } };
}

/** Images of many sizes, all of their pixels different. */
const sizes = [
  [1, 1],
  [3, 200],
  [200, 3],
  [64, 16],
  [8, 8],
  [31, 57],
  [300, 220],
] as const;
const ofSizes: readonly ImageItem[] = sizes.map(([width, height], i) => ({
  id: `${width} x ${height}`,
  content: { bytes: pixmap(width, height, (at) => (at * (i + 3)) % 251) },
}));

/** What a pipeline of images does, on every platform and device. */
export function pipelineSuite(name: string, { platform, device, missing }: PipelineRuntime): void {
  const open = (workers: number, batchSize: number): Promise<ImagePipeline<ImageItem>> => {
    const plan: ExecutionPlan = { workers, threadsPerWorker: 1, batchSize, reason: "" };
    return createImagePipeline(platform, { model: channelMeansModel(), preprocessing, plan, device });
  };
  const layouts = [
    { workers: 1, batchSize: 1 },
    ...(device === "cpu" ? [{ workers: 2, batchSize: 1 }] : []),
    { workers: 2, batchSize: 4 },
  ];

  describe.each(layouts)(
    `an image pipeline of ${name} on ${device}, $workers workers at batch $batchSize`,
    ({ workers, batchSize }) => {
      let pipeline: ImagePipeline<ImageItem>;
      beforeEach(({ skip }) => skip(missing !== undefined, missing));
      beforeAll(async () => {
        if (!missing) pipeline = await open(workers, batchSize);
      });
      afterAll(() => pipeline?.release());

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

      it.each([0, 1, 3, 5, 7])("takes %i images, whatever the batch", async (count) => {
        expect((await collect(pipeline.run(redImages(count)))).map(seen)).toEqual(reds(count));
        expect(await collect(pipeline.run([]))).toEqual([]);
      });

      it("gives images of many sizes what each gets alone", async () => {
        const alone = [];
        for (const item of ofSizes) alone.push(...(await collect(pipeline.run([item]))));
        expect(alone.map(({ item }) => item)).toEqual(ofSizes);
        const means = alone.map((result) => "outputs" in result && result.outputs["logits"]!.data[1]!);
        expect(new Set(means).size).toBe(ofSizes.length);
        expect(await collect(pipeline.run(ofSizes))).toEqual(alone);
      });

      it("names what is wrong with one image among many, and goes on", async () => {
        const broken: ImageItem[] = [
          { id: "cut off", content: { bytes: red(9).slice(0, 40) } },
          { id: "empty", content: { bytes: new Uint8Array(0) } },
          { id: "text", content: { bytes: new TextEncoder().encode("no image at all") } },
          { id: "missing", content: { path: "memory:does/not/exist.png" } },
        ];
        const places = [3, 50, 51, 99];
        const items = async function* (): AsyncGenerator<ImageItem> {
          let place = 0;
          for await (const item of redImages(100)) yield broken[places.indexOf(place++)] ?? item;
        };
        const results = await collect(pipeline.run(items()));
        const codes = ["image/truncated", "image/empty", "image/unknown-format", "data/not-found"];
        expect(results.map(seen)).toEqual(reds(100).map((value, i) => codes[places.indexOf(i)] ?? value));
        expect(results[50]).toMatchObject({ item: broken[1], error: { name: "ImageError" } });
      });

      it("leaves the bytes of an image to the caller", async () => {
        const bytes = red(5);
        await collect(pipeline.run([{ id: "", content: { bytes } }]));
        expect(bytes).toEqual(red(5));
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
          if (consumed % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
          ahead = Math.max(ahead, handedOut - consumed);
        }
        expect(consumed).toBe(200);
        expect(ahead).toBeGreaterThan(0);
        expect(ahead).toBeLessThanOrEqual((workers + 1) * (2 * batchSize + 1));
      });

      it("stops on an abort, lets go of the images, and serves the next run", async () => {
        const controller = new AbortController();
        let closed: () => void;
        const letGo = new Promise<void>((resolve) => (closed = resolve));
        const items = async function* (): AsyncGenerator<ImageItem> {
          try {
            yield* redImages(1e9);
          } finally {
            closed();
          }
        };
        let count = 0;
        const run = (async () => {
          for await (const _ of pipeline.run(items(), { signal: controller.signal }))
            if (++count === 10) controller.abort(new Error("enough"));
        })();
        await expect(run).rejects.toThrow("enough");
        await letGo;
        expect(count).toBe(10);
        expect((await collect(pipeline.run(redImages(5)))).map(seen)).toEqual(reds(5));
      });

      it("rejects at once on an abort, while the workers are busy with images of another run", async () => {
        const order: string[] = [];
        // Large enough that all workers are busy when the abort comes.
        const large = Array.from({ length: 2 * workers * batchSize }, (_, i) => ({
          id: `${i}`,
          content: { bytes: pixmap(600, 400, (at) => at % 251) },
        }));
        const other = collect(pipeline.run(large)).then(() => order.push("the other run"));
        const controller = new AbortController();
        const run = collect(pipeline.run(redImages(3), { signal: controller.signal }));
        controller.abort(new Error("enough"));
        await expect(run.finally(() => order.push("the abort"))).rejects.toThrow("enough");
        await other;
        expect(order).toEqual(["the abort", "the other run"]);
        await expect(collect(pipeline.run([], { signal: controller.signal }))).rejects.toThrow("enough");
      });

      it("stops when the consumer does", async () => {
        let last: ImageResult<ImageItem> | undefined;
        for await (const result of pipeline.run(redImages(1e9))) {
          last = result;
          if (seen(result) === 30) break;
        }
        expect(last?.item.id).toBe("image 30");
      });

      it("hands on what the source throws, after the results before it", async () => {
        const items = async function* (): AsyncGenerator<ImageItem> {
          yield* redImages(3);
          throw new Error("the list ends here");
        };
        const found: (number | string)[] = [];
        const run = (async () => {
          for await (const result of pipeline.run(items())) found.push(seen(result));
        })();
        await expect(run).rejects.toThrow("the list ends here");
        expect(found).toEqual([0, 1, 2]);
      });

      it("rejects runs under way, and later ones, when it is released, and is released twice", async () => {
        const own = await open(workers, batchSize);
        const released = expect.objectContaining({ name: "SessionError", code: "runtime/released" });
        const results = own.run(redImages(1e9));
        await results.next();
        const run = collect(results);
        await Promise.all([expect(run).rejects.toThrow(released), own.release()]);
        await expect(collect(own.run(redImages(1)))).rejects.toThrow(released);
        await own.release();
      });
    },
  );
}
