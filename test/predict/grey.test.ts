import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { evalCrop } from "../../src/image/index.ts";
import { normaliseGrey, toGrey } from "../../src/image/grey.ts";
import {
  calibrateModel,
  createModel,
  exportOnnx,
  exportSafetensors,
  openImages,
  openModel,
} from "../../src/node/library.ts";
import { openTrainingLoader, trainModel } from "../../src/node/training.ts";
import { colours, writeColouredImages } from "../support/coloured-images.ts";
import { referenceMissing, runReference } from "../support/reference.ts";
import { smallNetwork } from "../support/small-network.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const missing = referenceMissing("torch", "torchvision", "PIL");

interface Reference {
  readonly width: number;
  readonly height: number;
  readonly pixels: string;
  readonly grey: string;
  readonly input: string;
}

describe.skipIf(missing !== undefined)(`grey as Pillow makes it (${missing ?? "here"})`, () => {
  it("byte for byte, and bit for bit behind resize, crop and normalisation", () => {
    const { width, height, pixels, grey, input } = runReference("grey.py", []) as Reference;
    const bytes = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text, "base64"));
    const found = toGrey({ width, height, data: bytes(pixels) });
    expect(found.data.filter((_, index) => index % 3 === 0)).toEqual(bytes(grey));
    const statistics = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
    const crop = evalCrop(found, {
      ...statistics,
      inputSize: 20,
      cropPct: 20 / 24,
      interpolation: "bicubic",
    });
    const plane = new Float32Array(400);
    normaliseGrey(crop, statistics, plane);
    const wanted = new Float32Array(bytes(input).buffer);
    const distance = Math.max(...plane.map((value, index) => Math.abs(value - wanted[index]!)));
    expect(distance).toBeLessThan(1e-6);
  });
});

describe("a model of one channel", () => {
  const folder = temporaryFolder();
  const at = (...parts: readonly string[]): string => join(folder, ...parts);
  const picture = at("data", "red", "0.png");

  beforeAll(async () => {
    await writeColouredImages(at("data"), 12);
    const network = smallNetwork({ inputSize: 16, classes: colours, stem: "cifar", inChannels: 1 });
    await exportSafetensors(network, at("grey.safetensors"));
  });

  it("classifies, embeds, explains and validates photographs", async () => {
    const model = await createModel(at("grey.safetensors"));
    try {
      expect(await model.classify(picture)).toHaveLength(3);
      expect((await model.embed(picture)).some((value) => value !== 0)).toBe(true);
      expect(await model.embed(picture, { mirror: "averaged" })).toHaveLength(64);
      expect((await model.explain(picture)).predictions).toHaveLength(3);
      const { count, failed } = await model.validate(await openImages([at("data")]));
      expect([count, failed]).toEqual([36, 0]);
    } finally {
      await model.release();
    }
  });

  it("gives the same from its ONNX file", async () => {
    const source = await openModel(at("grey.safetensors"));
    const model = await createModel(at("grey.safetensors"));
    const [wanted] = await model.classify(picture, { topk: 1 });
    await exportOnnx(source, at("grey.onnx"));
    const exported = await createModel(at("grey.onnx"));
    const [found] = await exported.classify(picture, { topk: 1 });
    expect(found!.label).toBe(wanted!.label);
    expect(Math.abs(found!.logit - wanted!.logit)).toBeLessThan(1e-5);
    await Promise.all([model.release(), exported.release()]);
  });

  it("is calibrated for int8", async () => {
    const source = await openModel(at("grey.safetensors"));
    const { images } = await calibrateModel(source, await openImages([at("data")]), { images: 16 });
    expect(images).toBe(16);
  });

  it("is trained on grey, and knows it afterwards", async () => {
    const options = { data: at("data"), weights: at("grey.safetensors"), out: at("run") };
    const recipe = { base: "quick", epochs: 1, batchSize: 8, scale: [0.5, 1] } as const;
    for await (const event of trainModel({ ...options, recipe })) {
      expect(event.type).not.toBe("stopped");
    }
    const model = await createModel(at("run"));
    expect(model.description.config).toMatchObject({ inChannels: 1, numClasses: 3 });
    expect(await model.classify(picture)).toHaveLength(3);
    await model.release();
  });

  it("trains on batches of one channel, in grey", async () => {
    const loader = await openTrainingLoader(await openImages([at("data")]), {
      batchSize: 4,
      seed: 1,
      preprocessing: { inputSize: 16, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
      channels: 1,
      workers: 1,
    });
    for await (const { images } of loader.epoch(0)) {
      expect(images).toHaveLength(4 * 16 * 16);
      break;
    }
    await loader.close();
  });

  it.each([2, 4])("is told from one of %i channels, which sees no pictures", async (inChannels) => {
    const path = at(`${inChannels}.safetensors`);
    await exportSafetensors(smallNetwork({ inputSize: 16, inChannels, stem: "cifar" }), path);
    const model = await createModel(path);
    await expect(model.classify(picture)).rejects.toMatchObject({ code: "model/input-channels" });
  });
});
