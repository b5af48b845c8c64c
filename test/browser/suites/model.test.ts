import {
  createModel,
  exportOnnx,
  exportSafetensors,
  modelOf,
  openImages,
  openModel,
  trainHead,
} from "ssl-resnext/web";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { commands } from "vitest/browser";
import type { Model } from "../../../src/predict/model.ts";
import type { PageImage } from "../../../src/web/images/page-images.ts";

const name = "ssl_resnext17_cifar10";
const archive = inject("testImages");
let model: Model<PageImage>;
beforeAll(async () => {
  model = await createModel(name, { pretrained: true });
});
afterAll(() => model.release());

/** A picture with a red sun, drawn by the browser. */
async function drawn(type: string): Promise<File> {
  const canvas = new OffscreenCanvas(40, 32);
  const context = canvas.getContext("2d")!;
  context.fillStyle = "rgb(40 90 160)";
  context.fillRect(0, 0, 40, 32);
  context.fillStyle = "rgb(200 40 30)";
  context.fillRect(12, 8, 14, 14);
  return new File([await canvas.convertToBlob({ type })], `sun.${type.split("/")[1]}`, { type });
}

const probabilities = async (image: PageImage): Promise<readonly number[]> =>
  (await model.classify(image, { topk: 10 })).map(({ probability }) => probability);

describe("a model in a page", () => {
  it("knows its classes, and gives probabilities", async () => {
    const predictions = await model.classify(await drawn("image/png"), { topk: 10 });
    expect(predictions.map(({ label }) => label).toSorted()).toEqual([...model.classes].toSorted());
    expect(predictions.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5);
  });

  it("takes Files, Blobs, bytes, addresses, and whatever has pixels", async () => {
    const file = await drawn("image/png");
    const expected = await probabilities(file);
    const image = new Image();
    image.src = URL.createObjectURL(file);
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [40, 32];
    const context = canvas.getContext("2d")!;
    context.drawImage(image, 0, 0);
    const inputs: Readonly<Record<string, PageImage>> = {
      blob: new Blob([file]),
      bytes: new Uint8Array(await file.arrayBuffer()),
      address: image.src,
      img: image,
      canvas,
      "image data": context.getImageData(0, 0, 40, 32),
      bitmap: await createImageBitmap(file),
      "video frame": new VideoFrame(canvas, { timestamp: 0 }),
    };
    for (const [kind, input] of Object.entries(inputs))
      expect({ kind, found: await probabilities(input) }).toEqual({ kind, found: expected });
  });

  it("says what is no image", async () => {
    await expect(model.classify(new Blob(["no image"]))).rejects.toMatchObject({
      code: "image/unknown-format",
    });
    await expect(model.classify(42 as unknown as Blob)).rejects.toMatchObject({ code: "data/image-input" });
    await expect(model.classify("http://127.0.0.1:1/absent.png")).rejects.toMatchObject({
      name: "DataError",
    });
    await expect(model.classify(new Image())).rejects.toMatchObject({ code: "image/empty" });
  });

  it("embeds, gives feature maps and explains", async () => {
    const file = await drawn("image/webp");
    expect((await model.embed(file)).length).toBeGreaterThan(100);
    expect(Math.hypot(...(await model.embed(file, { normalize: "l2" })))).toBeCloseTo(1, 6);
    expect(Object.keys(await model.features(file, ["layer2"]))).toEqual(["layer2"]);
    const { map } = await model.explain(file);
    expect(Math.max(...map.data)).toBeGreaterThan(0);
  });

  it("validates over a folder that was chosen", async () => {
    const inFolder = async (label: string, index: number): Promise<File> => {
      const file = new File([await drawn("image/jpeg")], `${index}.jpg`);
      Object.defineProperty(file, "webkitRelativePath", { value: `photos/${label}/${index}.jpg` });
      return file;
    };
    const files = await Promise.all(["ship", "truck", "ship"].map(inFolder));
    const images = await openImages(files);
    expect(images).toMatchObject({ size: 3, classes: ["ship", "truck"] });
    expect(await model.validate(images)).toMatchObject({ count: 3, failed: 0 });
  });

  it("takes the parts of a folder that was chosen, and leaves out and names what is no image", async () => {
    const image = await drawn("image/jpeg");
    const files = [
      "train/ship/0.jpg",
      "train/truck/0.jpg",
      "train/truck/0_mask.jpg",
      "val/truck/0.jpg",
      "val/ship/0.jpg",
      "test/0.jpg",
      ".DS_Store",
      "train/.thumbs/0.jpg",
      "train/ship/Thumbs.db",
      "train/ship/1.heic",
    ].map((path) => {
      const file = new File([image], path.split("/").at(-1)!);
      Object.defineProperty(file, "webkitRelativePath", { value: `photos/${path}` });
      return file;
    });
    const images = await openImages(files);
    expect(images).toMatchObject({ size: 5, classes: ["ship", "truck"] });
    const names = { training: ["photos/train"], validation: ["photos/val"], unused: ["photos/test"] };
    expect(images.splits).toMatchObject({ names, training: { size: 2 }, validation: { size: 2 } });
    expect(images.leftOut?.map(({ ending, files: count }) => [ending, count])).toEqual([
      [".heic", 1],
      ["_mask.jpg", 1],
    ]);
    const labels: unknown[] = [];
    for await (const { id, label } of images.splits!.training) labels.push([id, label]);
    expect(labels).toEqual([
      ["photos/train/ship/0.jpg", "ship"],
      ["photos/train/truck/0.jpg", "truck"],
    ]);
  });

  it("gives its weights, and an exported graph, which open again", async () => {
    const file = await drawn("image/png");
    const expected = await probabilities(file);
    const source = await openModel(name, { pretrained: true });
    const exports = {
      "mine.safetensors": await exportSafetensors(source),
      "mine.onnx": await exportOnnx(source),
    };
    for (const [fileName, blob] of Object.entries(exports)) {
      const again = await createModel(new File([blob], fileName));
      const found = (await again.classify(file, { topk: 10 })).map(({ probability }) => probability);
      for (const [i, probability] of found.entries()) expect(probability).toBeCloseTo(expected[i]!, 5);
      await again.release();
    }
    await exportSafetensors(source, "opfs:exported.safetensors");
    const kept = await createModel("opfs:exported.safetensors");
    expect(kept.classes).toEqual(model.classes);
  });

  it("learns a classifier, from embeddings that it keeps", async () => {
    const source = await openModel(name, { pretrained: true, numClasses: 2, classes: ["cold", "warm"] });
    const labelled = async (label: string, index: number): Promise<File> => {
      const canvas = new OffscreenCanvas(32, 32);
      const context = canvas.getContext("2d")!;
      context.fillStyle = `rgb(${label === "warm" ? "220 90" : "30 90"} ${label === "warm" ? 30 : 220})`;
      context.fillRect(0, index, 32, 32);
      const file = new File([await canvas.convertToBlob()], `${index}.png`);
      Object.defineProperty(file, "webkitRelativePath", { value: `photos/${label}/${index}.png` });
      return file;
    };
    const files = await Promise.all(
      Array.from({ length: 16 }, (_, i) => labelled(i % 2 ? "warm" : "cold", i)),
    );
    const folder = `opfs:${crypto.randomUUID()}`;
    const counts: number[] = [];
    for (let round = 0; round < 2; round++) {
      const images = await openImages(files);
      const training = trainHead(source, images, { classes: ["cold", "warm"], cache: folder });
      let next = await training.next();
      for (; !next.done; next = await training.next())
        if (next.value.type === "embedded") counts.push(next.value.cached);
      const trained = await modelOf(next.value);
      expect((await trained.classify(files[1]!))[0]!.label).toBe("warm");
      expect((await trained.classify(files[2]!))[0]!.label).toBe("cold");
      await trained.release();
    }
    expect(counts).toEqual([0, 16]);
  });

  it("runs on WebGPU", async () => {
    const file = await drawn("image/png");
    const expected = await probabilities(file);
    const onGpu = await createModel(name, { pretrained: true, device: "webgpu" });
    const found = (await onGpu.classify(file, { topk: 10 })).map(({ probability }) => probability);
    for (const [i, probability] of found.entries()) expect(probability).toBeCloseTo(expected[i]!, 4);
    await onGpu.release();
  });

  it("gives for 5,000 images what Node gives", { timeout: 300_000 }, async ({ skip }) => {
    skip(archive === undefined, "the images of CIFAR-10 are not here");
    const { ids, logits } = await commands.nodeLogits(archive!);
    const address = new URL(`/@fs${archive}`, location.href).href;
    const file = new File([await (await fetch(address)).blob()], "test-5000.tar");
    const numClasses = model.classes.length;
    let furthest = 0;
    let agree = 0;
    let count = 0;
    for await (const result of model.run(["logits"], await openImages(file))) {
      if ("error" in result) throw result.error;
      expect(result.image.endsWith(ids[count]!)).toBe(true);
      const expected = logits.slice(count * numClasses, ++count * numClasses);
      const found = [...result.outputs["logits"]!.data];
      for (const [i, value] of found.entries()) furthest = Math.max(furthest, Math.abs(value - expected[i]!));
      if (best(found) === best(expected)) agree++;
    }
    expect({ count, agree }).toEqual({ count: 5000, agree: 5000 });
    expect(furthest).toBeLessThan(1e-4);

    // The first of them out of the archive where the server has it, in parts.
    let first = 0;
    for await (const result of model.run(["logits"], await openImages(address))) {
      if ("error" in result) throw result.error;
      const expected = logits.slice(first * numClasses, ++first * numClasses);
      expect(best([...result.outputs["logits"]!.data])).toBe(best(expected));
      if (first === 200) break;
    }
  });
});

const best = (values: readonly number[]): number => values.indexOf(Math.max(...values));
