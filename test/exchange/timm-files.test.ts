import { beforeAll, describe, expect, it } from "vitest";
import { family, modelConfig } from "../../src/nn/index.ts";
import { createModel } from "../../src/node/library.ts";
import type { CreateModelOptions } from "../../src/predict/create-model.ts";
import type { Preprocessing } from "../../src/image/index.ts";
import { exchangeMissing, runExchange } from "../support/exchange.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const missing = exchangeMissing("torch", "timm", "PIL", "safetensors");

interface Answer extends Omit<Preprocessing, "mean" | "std"> {
  readonly logits: readonly number[];
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

interface Table {
  readonly [name: string]: {
    readonly needs: readonly string[];
    readonly recipes: Readonly<Record<string, Recipe>>;
  };
}

interface Recipe {
  readonly training: Preprocessing;
  readonly evaluation: Preprocessing;
  readonly licence: string | null;
}

describe.skipIf(missing !== undefined)(`files that timm and torch wrote (${missing ?? "here"})`, () => {
  const folder = temporaryFolder();
  let answers: Readonly<Record<string, Answer>> = {};

  beforeAll(() => {
    ({ answers } = runExchange("timm_files.py", folder) as { readonly answers: typeof answers });
  }, 300_000);

  async function classified(
    file: string,
    options?: CreateModelOptions,
  ): Promise<{
    readonly logits: readonly number[];
    readonly classes: readonly string[];
    readonly preprocessing: Preprocessing;
  }> {
    const model = await createModel(`${folder}/${file}`, options);
    try {
      const found = await model.classify(`${folder}/picture.png`, { topk: 3 });
      const logits = found.toSorted((a, b) => a.index - b.index).map(({ logit }) => logit);
      return { logits, classes: model.classes, preprocessing: model.description.preprocessing };
    } finally {
      await model.release();
    }
  }

  const unnamed = ["class 0", "class 1", "class 2"];

  it.each([
    ["list", "list", ["apple", "pear", "plum"]],
    ["list", "list/model.safetensors", ["apple", "pear", "plum"]],
    ["dictionary", "dictionary", ["n1", "class 1", "n3"]],
    ["described", "described", ["apple", "pear", "plum"]],
    ["flat", "flat", ["apple", "pear", "plum"]],
    ["dilated", "dilated", unnamed],
    ["grey", "grey", unnamed],
    ["train", "train.pth.tar", unnamed],
    ["torchvision", "torchvision.pth", unnamed],
  ])("%s: %s gives timm's logits, names and preprocessing", async (name, file, classes) => {
    const { logits, ...answer } = answers[name]!;
    const found = await classified(file);
    found.logits.forEach((logit, index) => expect(Math.abs(logit - logits[index]!)).toBeLessThan(2e-4));
    expect(found.classes).toEqual(classes);
    const { inputSize, cropPct, interpolation, mean } = found.preprocessing;
    expect({ inputSize, interpolation }).toEqual({
      inputSize: answer.inputSize,
      interpolation: answer.interpolation,
    });
    expect(cropPct).toBeCloseTo(answer.cropPct, 12);
    expect(mean[0]).toBeCloseTo(answer.mean[0]!, 12);
  });

  it.each(["wrapped.pth", "outside.pth", "averaged.pth"])(
    "%s holds the same network in a wrapping",
    async (file) => {
      const preprocessing = { inputSize: 288, cropPct: 1, interpolation: "bicubic" } as const;
      const { logits } = await classified(file, { preprocessing });
      logits.forEach((logit, index) =>
        expect(Math.abs(logit - answers["list"]!.logits[index]!)).toBeLessThan(2e-4),
      );
    },
  );

  it.each([
    ["resnetblur18.pth", "anti-aliased downsampling"],
    ["seresnet18.pth", "squeeze-excitation"],
    ["resnet18d.pth", "a deep stem and average-pool downsampling"],
    ["ecaresnet26t.pth", "efficient channel attention, a deep stem and average-pool downsampling"],
    ["resnet50_gn.pth", "group normalisation"],
    ["maximum", "global_pool max"],
    ["eps.pth.tar", "bn_eps 0.001"],
  ])("%s is refused by what it needs: %s", async (file, needs) => {
    await expect(createModel(`${folder}/${file}`)).rejects.toMatchObject({
      code: "model/unsupported-architecture",
      message: expect.stringContaining(needs) as string,
    });
  });

  it.each([
    [
      "pickled.pth",
      "weights/forbidden-global",
      /an object of timm\.models\.resnet\.ResNet.*\n.*torch\.load\(.*\n/,
    ],
    ["script.pt", "weights/unknown-format", /TorchScript.*\n.*torch\.jit\.load\(/],
    ["program.pt2", "weights/unknown-format", /torch\.export\. .*\n.*torch\.export\.load\(/],
  ])("%s is refused by what it is, with the two lines that save its weights", async (file, code, message) => {
    await expect(createModel(`${folder}/${file}`)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
    await expect(createModel(`${folder}/${file}`)).rejects.toThrow(
      'torch.save(model.state_dict(), "weights.pth")',
    );
  });
});

describe.skipIf(missing !== undefined)(`timm's tables (${missing ?? "here"})`, () => {
  const table = missing === undefined ? (runExchange("timm_table.py") as Table) : {};

  it("says of every ResNet of timm's whether it can be held, and by what it cannot", () => {
    for (const [name, { needs }] of Object.entries(table)) {
      expect([name, ...family.neededByName(name).toSorted()]).toEqual([name, ...needs.toSorted()]);
    }
  });

  it("has the recipes of every model that can be held, and its architecture", () => {
    for (const [architecture, { needs, recipes }] of Object.entries(table)) {
      if (needs.length > 0) continue;
      expect(modelConfig(architecture)).toBeDefined();
      for (const [name, { licence, ...recipe }] of Object.entries(recipes)) {
        const { licence: ours, ...found } = family.timmRecipe(name)!;
        expect([name, found, ours ?? null]).toEqual([name, recipe, licence]);
      }
    }
    const tags = Object.values(table).flatMap(({ needs, recipes }) =>
      needs.length > 0 ? [] : Object.keys(recipes),
    );
    expect(family.timmNames.toSorted()).toEqual(tags.filter((name) => name.includes(".")).toSorted());
  });
});
