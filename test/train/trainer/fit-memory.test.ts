import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { add, buildGraph, input, relu } from "../../../src/graph/index.ts";
import { exportSafetensors } from "../../../src/node/library.ts";
import { nodeTrainingPlatform } from "../../../src/node/training.ts";
import { resolveRecipe, trainModel, type RecipeValues } from "../../../src/train/index.ts";
import type { TrainingEvent } from "../../../src/train/run/options.ts";
import { fitMemory, peakBytes } from "../../../src/train/trainer/fit-memory.ts";
import { writeColouredImages } from "../../support/coloured-images.ts";
import { smallNetwork } from "../../support/small-network.ts";
import { tensorsOf } from "../../support/tensors-of.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const network = smallNetwork({ inputSize: 16, numClasses: 3, stem: "cifar" });
const { config } = network.description;
const adapt = { base: "adapt", epochs: 1, batchSize: 32 } as const;
const recipeOf = (values: RecipeValues) => resolveRecipe([{ name: "test", values }]);
const fitted = (values: RecipeValues, freeMemory: number) =>
  fitMemory(recipeOf(values), config, 16, freeMemory);
const wholeOf = (values: RecipeValues): number => fitted(values, Infinity).wholeBytes;

describe("what the nodes of a graph need at once", () => {
  const x = input("x", "float32", [250]);

  it("is what is still read, and what is computed from it", () => {
    let value = relu(x);
    for (let depth = 0; depth < 9; depth++) value = relu(value);
    expect(peakBytes(buildGraph({ value }))).toBe(2 * 1000);
  });

  it("counts what a later node reads until then, and every output", () => {
    const first = relu(x);
    const second = relu(relu(first));
    const sum = add(first, second);
    expect(peakBytes(buildGraph({ sum }))).toBe(3 * 1000);
    expect(peakBytes(buildGraph({ first, second, sum }))).toBe(3 * 1000);
    expect(peakBytes(buildGraph({ second, other: relu(relu(sum)) }))).toBe(3 * 1000);
  });

  it("grows with the batch", () => {
    const [small, large] = [16, 64].map((batchSize) => wholeOf({ ...adapt, batchSize })) as [number, number];
    expect(large / small).toBeGreaterThan(3);
    expect(large / small).toBeLessThan(4.5);
  });
});

describe("a batch that does not fit into memory", () => {
  it("is computed in the largest equal parts that do, and a larger memory changes nothing", () => {
    const whole = wholeOf(adapt);
    expect(fitted(adapt, 2 * whole).recipe).toEqual(recipeOf(adapt));
    expect(fitted(adapt, whole).recipe).toEqual({ ...recipeOf(adapt), microBatch: 16 });
    const thirds = { ...adapt, batchSize: 60 };
    expect(fitted(thirds, wholeOf(thirds) / 2).recipe.microBatch).toBe(20);
  });

  it("is divided until one image is left where the parts have nothing to do with each other", () => {
    const frozen = { base: "quick", batchSize: 32, batchNorm: "frozen" } as const;
    const of = (batchSize: number): number => wholeOf({ ...frozen, batchSize });
    expect(fitted(frozen, 1.5 * of(4)).recipe.microBatch).toBe(4);
    expect(fitted(frozen, 1.5 * of(1)).recipe.microBatch).toBe(1);
    expect(() => fitted(frozen, of(1))).toThrow("fewer than 1 image unless");
  });

  it.each([adapt, { base: "quick", batchSize: 32 } as const])(
    "is refused where too few images would be together: $base",
    (values) => {
      const quarter = wholeOf({ ...values, batchSize: 8 });
      expect(() => fitted(values, 1.5 * quarter)).toThrow(
        expect.objectContaining({
          code: "train/out-of-memory",
          message: expect.stringMatching(
            /^A step of 32 images needs about .* fewer than 16 images unless/,
          ) as string,
        }),
      );
    },
  );
});

describe("a training without memory for its batch", () => {
  const folder = temporaryFolder();
  const at = (...parts: readonly string[]): string => join(folder, ...parts);
  beforeAll(async () => {
    await writeColouredImages(at("images"), 22);
    await exportSafetensors(network, at("small.safetensors"));
  });

  const withMemory = (freeMemory: number): typeof nodeTrainingPlatform => ({
    ...nodeTrainingPlatform,
    machine: () => ({ cores: 1, freeMemory }),
  });
  const run = async (
    out: string,
    freeMemory: number,
    recipe: RecipeValues,
    stopAt?: number,
  ): Promise<readonly TrainingEvent[]> => {
    const stop = new AbortController();
    const events = trainModel(withMemory(freeMemory), {
      data: at("images"),
      weights: at("small.safetensors"),
      out: at(out),
      recipe,
      resume: true,
      workers: 1,
      signal: stop.signal,
    });
    const found: TrainingEvent[] = [];
    for await (const event of events) {
      found.push(event);
      if (event.type === "step" && event.step === stopAt) stop.abort();
    }
    return found;
  };
  const weightsOf = (out: string) => tensorsOf(at(out, "best.safetensors"));

  it("says so and goes on so, whatever is free when it is resumed, as if the parts had been asked for", async () => {
    const whole = wholeOf(adapt);
    const begun = await run("little", whole, adapt, 1);
    expect(begun[0]).toMatchObject({ type: "in-parts", batchSize: 32, microBatch: 16 });
    expect(begun[0]).toHaveProperty("wholeBytes", whole);
    expect(begun.at(-1)).toMatchObject({ type: "stopped" });
    expect(readFileSync(at("little", "recipe.yaml"), "utf8")).toContain("microBatch: 16\n");
    const resumed = await run("little", 100 * whole, adapt);
    expect(resumed[0]).toMatchObject({ type: "started", resumedAt: 1, recipe: { microBatch: 16 } });

    await run("asked", 100 * whole, { ...adapt, microBatch: 16 });
    await run("much", 100 * whole, adapt);
    const little = await weightsOf("little");
    expect(little).toEqual(await weightsOf("asked"));
    expect(little).not.toEqual(await weightsOf("much"));
  });

  it("computes as many images at once as are asked for, without a word", async () => {
    const events = await run("followed", wholeOf(adapt), { ...adapt, microBatch: 32 });
    expect(events[0]).toMatchObject({ type: "started" });
  });
});
