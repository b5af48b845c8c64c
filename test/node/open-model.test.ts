import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { StateDict } from "../../src/core/index.ts";
import { writeFileAtomic } from "../../src/node/files/file-system.ts";
import { openModel } from "../../src/node/library.ts";
import type { ModelOptions } from "../../src/predict/open-model.ts";
import { encodeSafetensors } from "../../src/weights/index.ts";
import { colourCheckpoint } from "../support/colour-model.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
let colours = "";

beforeAll(async () => {
  colours = await colourCheckpoint(folder);
});

/** A few of the fitted weights: of the stem, and of the classifier. */
async function weightsOf(model: string, options: ModelOptions = {}): Promise<object> {
  const source = await openModel(model, options);
  const elements = async (weights: StateDict, name: string): Promise<number[] | undefined> => {
    const tensor = await weights.get(name)?.load();
    return tensor && Array.from(tensor.data, Number);
  };
  return source.withWeights(async (weights) => ({
    stem: await elements(weights, "conv1.weight"),
    classifier: weights.get("fc.weight")?.dims,
    bias: await elements(weights, "fc.bias"),
  }));
}

describe("openModel", () => {
  it("knows a file by what it holds", async () => {
    const { description } = await openModel(colours);
    expect(description).toMatchObject({ name: "colours", classes: ["red", "green", "blue"] });
  });

  it("knows a run's folder by its best weights", async () => {
    const run = join(folder, "run");
    mkdirSync(run);
    await expect(openModel(run)).rejects.toMatchObject({
      code: "data/not-found",
      message: expect.stringContaining("has best.safetensors") as string,
    });
    cpSync(colours, join(run, "best.safetensors"));
    expect((await openModel(run)).description).toMatchObject({ name: "colours" });
    expect((await openModel("resnet18", { weights: run })).description).toMatchObject({ name: "colours" });
  });

  it("gives another number of classes a new classifier, and 0 none, on the same network", async () => {
    const { stem } = (await weightsOf(colours)) as { stem: number[] };
    expect(await weightsOf(colours, { numClasses: 5 })).toMatchObject({ stem, classifier: [5, 64] });
    expect(await weightsOf(colours, { numClasses: 0 })).toEqual({
      stem,
      classifier: undefined,
      bias: undefined,
    });
    expect((await openModel(colours, { numClasses: 5 })).description.classes).toEqual([]);
  });

  it("seeds random weights", async () => {
    const [first, again, other] = await Promise.all(
      [1, 1, 2].map((seed) => weightsOf("resnet18", { weights: "random", seed, numClasses: 2 })),
    );
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it("takes trained weights of a model by name, and random ones only when they are asked for", async () => {
    const { description } = await openModel("ssl_resnext17_cifar10");
    expect(description.provenance).toHaveProperty("top1");
    await expect(openModel("resnet18")).rejects.toMatchObject({ code: "model/no-weights" });
    for (const options of [{ weights: "random" }, { pretrained: false }]) {
      const { description: random } = await openModel("ssl_resnext17_cifar10", options);
      expect(random.provenance).toEqual({ weights: "random, seed 0" });
    }
  });

  it("never takes random weights in place of a file that holds none", async () => {
    const empty = join(folder, "empty.safetensors");
    await writeFileAtomic(empty, encodeSafetensors(new Map()).chunks);
    await expect(weightsOf("ssl_resnet18", { weights: empty })).rejects.toMatchObject({
      code: "weights/mismatch",
      message: expect.stringContaining("missing: conv1.weight") as string,
    });
  });

  it("asks for a name for every class", async () => {
    await expect(openModel(colours, { classes: ["red"] })).rejects.toMatchObject({
      code: "model/class-names",
    });
  });
});
