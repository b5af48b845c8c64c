import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import type { ModelDescription } from "../../src/nn/index.ts";
import { writeFileAtomic } from "../../src/node/files/file-system.ts";
import { createModel, exportSafetensors, openImages, openModel } from "../../src/node/library.ts";
import { trainHead, trainModel } from "../../src/node/training.ts";
import type { TrainModelOptions } from "../../src/train/run/options.ts";
import { encodeSafetensors } from "../../src/weights/index.ts";
import { colours, writeColouredImages } from "../support/coloured-images.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
const data = at("data");
const embedded = "ssl_resnext17_cifar10";
const embeddedFile = fileURLToPath(new URL(`../../models/${embedded}.safetensors`, import.meta.url));

type Provenance = ModelDescription["provenance"];

async function trained(out: string, options: Partial<TrainModelOptions>): Promise<Provenance> {
  const run = trainModel({ data, out: at(out), workers: 1, embeddingCache: at("cache"), ...options });
  for await (const _ of run);
  return provenanceOf(at(out, "best.safetensors"));
}

const provenanceOf = async (file: string): Promise<Provenance> =>
  (await openModel(file)).description.provenance;

const sha256 = (file: string): string => createHash("sha256").update(readFileSync(file)).digest("hex");

const steps = { base: "quick", epochs: 1, batchSize: 8 } as const;
const ofRun = ["model", "started from", "licence", "data", "recipe", "software"];

beforeAll(() => writeColouredImages(data, 10));

describe("a model that is trained from another one", () => {
  it("says by name and hash what it started from, its data and what was measured; and nothing else", async () => {
    const provenance = await trained("tuned", { model: embedded, recipe: steps });
    expect(Object.keys(provenance)).toEqual([...ofRun, "epoch", "validationTop1", "validation images"]);
    expect(provenance).toMatchObject({
      model: embedded,
      "started from": `${embedded}, sha256 ${sha256(embeddedFile)}`,
      data: `${data}, 24 images of 3 classes`,
      licence: "Apache-2.0, as the code (of the weights that it was trained from)",
      "validation images": `${data}, 20 % of each class held out`,
    });
    const last = await provenanceOf(at("tuned", "last.safetensors"));
    expect(Object.keys(last)).toEqual(ofRun);
  });

  it("so does a head, whose cross-validation is what was measured, and one on the model before", async () => {
    const head = await trained("head", { model: embedded, recipe: { mode: "head" }, validation: data });
    expect(Object.keys(head)).toEqual([
      ...ofRun,
      "crossValidatedTop1",
      "cross-validation",
      "validationTop1",
      "validation images",
    ]);
    const file = at("head", "best.safetensors");
    const again = await trained("again", {
      weights: file,
      recipe: { mode: "adapt", epochs: 1, batchSize: 8 },
    });
    expect(again["started from"]).toBe(
      `head, sha256 ${sha256(file)}; before that ${embedded}, sha256 ${sha256(embeddedFile)}`,
    );
    // Once, however often.
    expect(again["licence"]).toBe(head["licence"]);
    expect(again).not.toHaveProperty("crossValidatedTop1");
  });

  it("so does a head that the library trains", async () => {
    const source = await openModel(embedded, { numClasses: 3, classes: colours });
    const training = trainHead(source, await openImages([data]), { classes: colours, cache: at("cache") });
    let next = await training.next();
    while (!next.done) next = await training.next();
    const { provenance } = next.value.description;
    expect(Object.keys(provenance)).toEqual(["model", "started from", "licence"]);
    expect(provenance["started from"]).toContain(sha256(embeddedFile));
  });

  it("owes nothing to weights that it did not take", async () => {
    const provenance = await trained("scratch", { model: embedded, scratch: true, recipe: steps });
    expect(provenance["started from"]).toBe(`${embedded}, weights random, seed 0`);
    expect(provenance).not.toHaveProperty("licence");
  });

  it("keeps to the licence of released weights, by whatever name they are opened", async () => {
    // As the file of the release is called; what it holds does not matter here.
    const released = at("semi_supervised_resnet18-d92f0530.pth");
    await exportSafetensors(await openModel("resnet18", { weights: "random" }), at("resnet18.safetensors"));
    const source = await openModel(at("resnet18.safetensors"));
    await source.withWeights(async (weights) => {
      await writeFileAtomic(released, encodeSafetensors(weights).chunks);
    });
    const { description } = await openModel(released);
    expect(description).toMatchObject({ name: "ssl_resnet18", provenance: { licence: "CC-BY-NC 4.0" } });
    const recipe = { mode: "head", inputSize: 32 } as const;
    expect(await trained("nc", { weights: released, recipe })).toMatchObject({
      model: "ssl_resnet18",
      licence: "CC-BY-NC 4.0 (of the weights that it was trained from)",
    });
  });
});

it("of a model with another classifier states no accuracy", async () => {
  const model = await createModel(embedded, { numClasses: 3 });
  expect(model.description.provenance).not.toHaveProperty("top1");
  expect(model.description.provenance).not.toHaveProperty("test set");
  expect(model.description.provenance["licence"]).toBe("Apache-2.0, as the code");
});
