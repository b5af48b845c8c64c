import { writeText } from "ssl-resnext/storage";
import {
  browserStorageFor,
  browserTrainingPlatform as platform,
  createModel,
  exportSafetensors,
  openImages,
  openTrainingLoader,
  trainModel,
  type PageFolder,
  type PageTrainModelOptions,
} from "ssl-resnext/web";
import { describe, expect, it } from "vitest";
import stated from "../../contract/golden/training-node.json" with { type: "json" };
import { trainingSuite } from "../../contract/training.ts";
import { trainingStepSuite } from "../../contract/training-step.ts";
import { colouredPixmaps, colouredSource, colours } from "../../support/portable-images.ts";
import { smallNetwork } from "../../support/small-network.ts";

trainingStepSuite("a page's worker", { platform, device: "cpu" });
trainingStepSuite("a page's worker", { platform, device: "webgpu", deviceOnly: true });
trainingSuite("a page", platform);

/** Files as `<input webkitdirectory>` gives them. */
const chosen = (images: readonly { name: string; label: string; bytes: BlobPart }[]): readonly File[] =>
  images.map(({ name, label, bytes }) => {
    const file = new File([bytes], name);
    Object.defineProperty(file, "webkitRelativePath", { value: `photos/${label}/${name}` });
    return file;
  });

const recipe = { base: "quick", epochs: 2, batchSize: 6, validationShare: 0.25, learningRate: 0.05 } as const;

describe("trainModel in a page", { timeout: 180_000 }, () => {
  it("trains a File of weights on Files, into private files, to what Node gets", async () => {
    const out: PageFolder = `opfs:${crypto.randomUUID()}`;
    const network = await exportSafetensors(smallNetwork({ inputSize: 16, stem: "cifar" }));
    const files = chosen(colouredPixmaps(8));
    const options: PageTrainModelOptions = {
      data: files,
      weights: new File([network], "small.safetensors"),
      out,
      recipe,
    };
    const losses: number[] = [];
    for await (const event of trainModel(options)) if (event.type === "step") losses.push(event.loss);
    expect(losses).toHaveLength(stated.run.losses.length);
    for (const [i, loss] of stated.run.losses.entries())
      expect(Math.abs(loss - losses[i]!)).toBeLessThan(1e-4);

    const model = await createModel(`${out}/best.safetensors`);
    expect(model.classes).toEqual(colours);
    expect(model.description.provenance["data"]).toBe("photos, 18 images of 3 classes");
    expect(await model.validate(await openImages(files))).toMatchObject({ count: 24, failed: 0 });
    await model.release();

    const again: string[] = [];
    for await (const { type } of trainModel({ ...options, weights: undefined, resume: true }))
      again.push(type);
    expect(again).toEqual(["started", "no-confidence", "finished"]);
    await browserStorageFor(out).remove(out);
  });

  it("fits a head, with Files that have no labels at hand", async () => {
    const files = colouredPixmaps(8);
    const types: string[] = [];
    for await (const { type } of trainModel({
      data: chosen(files),
      unlabelled: files.map(({ name, bytes }) => new File([bytes], name)),
      weights: new File([await exportSafetensors(smallNetwork())], "small.safetensors"),
      out: `memory:${crypto.randomUUID()}`,
      embeddingCache: false,
      recipe: { base: "quick", mode: "head" },
    }))
      types.push(type);
    // They are too few to say how embeddings vary.
    expect(types).toContain("unlabelled-unused");
    expect(types.at(-1)).toBe("finished");
  });

  it("says where a page can write", async () => {
    const data = chosen(colouredPixmaps(1));
    // @ts-expect-error a page has no paths
    const paths: PageTrainModelOptions = { data, out: "run" };
    // @ts-expect-error nor Node's devices
    const devices: PageTrainModelOptions = { data, out: "opfs:run", device: "cuda" };
    await expect(trainModel(paths).next()).rejects.toMatchObject({
      name: "UsageError",
      code: "train/out",
      message: expect.stringContaining("run: expected a folder that a page can write to") as string,
    });
    const weights = new File([await exportSafetensors(smallNetwork())], "small.safetensors");
    const elsewhere = trainModel({ ...devices, weights, recipe: { ...recipe, batchSize: 1, epochs: 1 } });
    await expect(elsewhere.next()).rejects.toMatchObject({ code: "runtime/device-unavailable" });
    await browserStorageFor("opfs:run").remove("opfs:run");
  });

  it("numbers the classes of Files as Node does those of folders", async () => {
    const [{ bytes } = { bytes: new Uint8Array() }] = colouredPixmaps(1);
    const images = ["lot 10", "lot 2", "lot 1"].map((label) => ({ name: "1.ppm", label, bytes }));
    expect((await openImages(chosen(images))).classes).toEqual(["lot 1", "lot 2", "lot 10"]);
  });

  it("keeps copies of images while it needs them, and clears what a closed page has left", async () => {
    const folder = "opfs:ssl-resnext/temporary";
    const storage = browserStorageFor(folder);
    const names = async (): Promise<readonly string[]> => {
      const found: string[] = [];
      for await (const { name } of storage.list(folder)) found.push(name);
      return found;
    };
    await storage.makeFolder(`${folder}/left`);
    await writeText(storage, `${folder}/left/images`, "of a page that is closed");
    const preprocessing = { inputSize: 16, mean: [0, 0, 0], std: [1, 1, 1] } as const;
    const open = () => openTrainingLoader(colouredSource(2), { batchSize: 2, seed: 1, preprocessing });
    const first = await open();
    expect(await names()).toHaveLength(1);
    expect(await names()).not.toContain("left");
    const second = await open();
    expect(await names()).toHaveLength(2);
    await first.close();
    expect((await second.epoch(0).next()).done).toBe(false);
    await second.close();
    expect(await names()).toEqual([]);
  });
});
