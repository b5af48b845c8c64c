import { createHash } from "node:crypto";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { epochOrder, indexImages, splitHoldout, type ImageIndex } from "../../../src/data/index.ts";
import { contentReader } from "../../../src/data/sources/content-reader.ts";
import { decodeOptionsOf } from "../../../src/image/index.ts";
import { resnetConfig } from "../../../src/nn/index.ts";
import { nodeStorageFor } from "../../../src/node/files/file-storage.ts";
import { decodeImage, decodePart } from "../../../src/node/images/decode-image.ts";
import { exportSafetensors, openImages } from "../../../src/node/library.ts";
import { nextTurn } from "../../../src/node/threads/answer-calls.ts";
import { trainModel } from "../../../src/node/training.ts";
import {
  effectiveRecipe,
  encodeProgram,
  learningRateAt,
  programOptions,
  recipeKeys,
  resolveRecipe,
  trainingPlan,
  trainingProgram,
  type Recipe,
  type RecipeLayer,
  type TrainingEvent,
} from "../../../src/train/index.ts";
import { batchWorker, decodedCache, type MadeBatch } from "../../../src/train/loader/batch-worker.ts";
import { writeColouredImages } from "../../support/coloured-images.ts";
import { otherRecipeValues } from "../../support/other-recipe-values.ts";
import { smallNetwork } from "../../support/small-network.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { tensorsOf } from "../../support/tensors-of.ts";

const folder = temporaryFolder();
const data = join(folder, "data");
const weights = join(folder, "small.safetensors");

/** Trainings by steps, in which each value that decides on others takes each of its sides. */
const contexts: Readonly<Record<string, Partial<Recipe>>> = {
  "cosine, sgd, random-resized": {},
  "step, adamw, random, mixup": {
    schedule: "step",
    optimizer: "adamw",
    crop: "random",
    mixup: 0.2,
    reProb: 0.5,
  },
  "halving, no momentum, no padding, cutmix": {
    schedule: "halving",
    momentum: 0,
    crop: "random",
    padding: 0,
    cutmix: 0.4,
    warmUp: 0,
  },
  "multistep, no decay, autoAugment, mixup and cutmix": {
    schedule: "multistep",
    milestones: [0.6],
    weightDecay: 0,
    autoAugment: "rand-m9",
    mixup: 0.2,
    cutmix: 0.4,
  },
  "step, cutmix within bounds": { schedule: "step", cutmixMinmax: [0.5, 0.7] },
  "last stages, no jitter": { mode: "last-stages", colorJitter: null },
  "adapt, no variety": { mode: "adapt", augmentProb: 0, smoothing: 0 },
  "adapt, grey and blur": { mode: "adapt", grayscaleProb: 0.2, gaussianBlurProb: 0.2, reProb: 0.2 },
  "constant, length in images": { schedule: "constant", epochs: null, images: 40 },
};

const common = { batchSize: 8, epochs: 4, inputSize: 16, batchNorm: "frozen", nesterov: false } as const;
const layerOf = (values: Partial<Recipe>): RecipeLayer => ({
  name: "context",
  values: { ...common, ...values },
  isWhole: true,
});

/** Values that only show in the files of a run. */
const ofFiles: ReadonlySet<keyof Recipe> = new Set(["checkpointEvery", "saveMinutes"]);

const config = resnetConfig({
  layers: [1, 1],
  width: 8,
  baseWidth: 64,
  cardinality: 2,
  stem: "cifar",
  numClasses: 3,
});
const imagesPerBatch = 4;
let index: ImageIndex;
let labels: Uint32Array;

beforeAll(async () => {
  await writeColouredImages(data, 5);
  // More of one class, so that balance is another thing than order.
  await writeColouredImages(join(folder, "more"), 3, 2);
  cpSync(join(folder, "more", "green"), join(data, "green", "more"), { recursive: true });
  writeFileSync(join(data, "red", "5.png"), "no image");
  const sideways = join(data, "red", "0.png");
  writeFileSync(sideways, await sharp(sideways).withMetadata({ orientation: 6 }).png().toBuffer());
  await exportSafetensors(smallNetwork({ inputSize: 16, stem: "cifar", numClasses: 5 }), weights);
  const indexed = await indexImages(await openImages([data]), () => Promise.reject(new Error("in memory")));
  index = indexed.index;
  labels = Uint32Array.from(indexed.labels);
});

const hashOf = (...parts: readonly (string | Uint8Array)[]): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};

/** What a recipe hands on, the cheapest first: held-out images, plan and rates, order, batches, graphs. */
const parts: readonly ((recipe: Recipe) => string | Promise<string>)[] = [
  ({ mode, validationShare, seed }) =>
    JSON.stringify([mode, [...splitHoldout(labels, validationShare, seed).heldOut]]),
  (recipe) => {
    const batches = Math.floor(labels.length / recipe.batchSize);
    const rates = Array.from({ length: 60 }, (_, step) => learningRateAt(recipe, step / 60));
    return JSON.stringify([trainingPlan(recipe, batches), rates, recipe.patience]);
  },
  ({ seed, sampler }) => JSON.stringify([...epochOrder({ labels, seed, epoch: 0, sampler })]),
  batchesOf,
  async (recipe) => {
    const program = trainingProgram(config, programOptions(recipe, config, recipe.inputSize!));
    const { forward, update, ...rest } = await encodeProgram(program);
    return hashOf(forward.model, update?.model ?? "", JSON.stringify(rest));
  },
];

const caches = [decodedCache(1000, 1e6), decodedCache(1000, 1e6)] as const;
const reader = contentReader(nodeStorageFor);

/** The batches of some epochs as a worker makes them, or how that ends. */
async function batchesOf(recipe: Recipe): Promise<string> {
  const { seed, sampler, onBrokenImage } = recipe;
  const isAdapted = recipe.mode === "adapt";
  const own = isAdapted ? labels.map(() => 0) : labels;
  const worker = batchWorker({ read: (item) => reader.read(item), decodeImage, decodePart, nextTurn });
  const call = { cancelled: false };
  const mean = [0.5, 0.5, 0.5] as const;
  await worker["open"]!(
    {
      index,
      labels: own,
      trueLabels: own.length,
      classes: isAdapted ? 0 : 3,
      views: isAdapted ? 2 : 1,
      seed,
      transform: {
        preprocessing: { inputSize: recipe.inputSize!, mean, std: mean },
        augmentation: recipe,
      },
      mixing: recipe,
      decode: decodeOptionsOf({ exifOrientation: recipe.exif }),
      onBrokenImage,
      cache: caches[recipe.exif ? 1 : 0],
    } as never,
    call,
  );
  const made: (string | Uint8Array)[] = [];
  const epoch = async (number: number): Promise<void> => {
    const order = epochOrder({ labels: own, seed, epoch: number, sampler });
    for (let position = 0; position < order.length; position += imagesPerBatch) {
      const images = order.slice(position, position + imagesPerBatch);
      const request = { epoch: number, images, position };
      const { value } = await worker["batch"]!(request as never, call);
      const batch = value as MadeBatch;
      made.push(new Uint8Array(batch.images.buffer), new Uint8Array(batch.targets.buffer));
    }
  };
  try {
    for (let number = 0; number < 4; number++) await epoch(number);
  } catch (error) {
    made.push((error as Error).message);
  }
  return hashOf(...made);
}

/** Whether two recipes hand on anything that differs. */
async function differ(one: Recipe, other: Recipe): Promise<boolean> {
  for (const part of parts) if ((await part(one)) !== (await part(other))) return true;
  return false;
}

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** A recipe in which somebody asks for one value, or the refusal of that value. */
function asked(context: Partial<Recipe>, name: keyof Recipe, value: unknown): Recipe | string {
  try {
    return resolveRecipe([layerOf(context), { name: "somebody", values: { [name]: value } }]);
  } catch (error) {
    expect(error).toMatchObject({ name: "UsageError", code: "train/no-effect" });
    const { message } = error as Error;
    expect(message).toContain(`somebody: ${name} (${JSON.stringify(value)}): no effect `);
    return message;
  }
}

describe.each(Object.entries(contexts))("a training by steps: %s", (_, context) => {
  it("follows or refuses every value of a recipe", async () => {
    const before = resolveRecipe([layerOf(context)]);
    const silent: string[] = [];
    const refused: string[] = [];
    for (const name of recipeKeys.filter((key) => !ofFiles.has(key))) {
      const values = otherRecipeValues[name].filter((value) => !same(value, before[name]));
      expect(`${name}: ${values.length}`).not.toBe(`${name}: 0`);
      const results = values.map((value) => [value, asked(context, name, value)] as const);
      if (results.every(([, after]) => typeof after === "string")) refused.push(name);
      for (const [value, after] of results) {
        if (typeof after !== "string" && after.mode !== "head" && !(await differ(before, after)))
          silent.push(`${name}: ${JSON.stringify(value)}`);
      }
    }
    expect(silent).toEqual([]);
    // What is refused is what the record of such a run leaves out, and nothing else.
    const recorded = effectiveRecipe(before);
    expect(refused).toEqual(recipeKeys.filter((key) => !(key in recorded)));
  });
});

async function eventsOf(recipe: readonly RecipeLayer[], out: string): Promise<readonly TrainingEvent[]> {
  const events: TrainingEvent[] = [];
  const cached = join(folder, "cache");
  const run = trainModel({
    data,
    weights,
    out: join(folder, out),
    recipe,
    embeddingCache: cached,
    workers: 1,
  });
  for await (const event of run) events.push(event);
  return events;
}

it("saves when it is asked to", async () => {
  const base = layerOf({ epochs: 2 });
  const checkpoints = async (values: Partial<Recipe>, out: string): Promise<readonly string[]> =>
    (await eventsOf([base, { name: "somebody", values }], out)).flatMap((event) =>
      event.type === "checkpoint" ? [event.kind] : [],
    );
  const usual = await checkpoints({}, "usual");
  expect(usual.filter((kind) => kind === "epoch")).toEqual([]);
  expect((await checkpoints({ checkpointEvery: 1 }, "every")).filter((kind) => kind === "epoch")).toEqual([
    "epoch",
    "epoch",
  ]);
  const last = (kinds: readonly string[]): number => kinds.filter((kind) => kind === "last").length;
  expect(last(await checkpoints({ batchSize: 4, saveMinutes: 0 }, "often"))).toBeGreaterThan(last(usual));
});

describe("mode head", () => {
  const head = { name: "context", values: { mode: "head", inputSize: 16 } };

  /** What comes of a run, or how it ends. */
  async function outcome(values: Partial<Recipe>, out: string): Promise<string> {
    try {
      const events = await eventsOf([head, { name: "somebody", values }], out);
      const tensors = await tensorsOf(join(folder, out, "best.safetensors"));
      const seen = events.flatMap((event) =>
        event.type === "tried" ? [event.l2, event.loss] : event.type === "finished" ? [event.top1] : [],
      );
      return hashOf(JSON.stringify(seen), tensors.get("fc.weight")!, tensors.get("fc.bias")!);
    } catch (error) {
      return (error as Error).message;
    }
  }

  it("follows or refuses every value of a recipe", async () => {
    const before = await outcome({}, "head");
    expect(before).toMatch(/^[0-9a-f]{64}$/);
    const silent: string[] = [];
    const followed = new Set<keyof Recipe>();
    let run = 0;
    for (const name of recipeKeys.filter((key) => key !== "mode")) {
      for (const value of otherRecipeValues[name]) {
        const after = asked({ mode: "head" }, name, value);
        if (typeof after === "string") continue;
        followed.add(name);
        const differs = (await outcome({ [name]: value }, `head-${run++}`)) !== before;
        if (!differs) silent.push(`${name}: ${JSON.stringify(value)}`);
      }
    }
    expect(silent).toEqual([]);
    expect([...followed, "mode"].toSorted()).toEqual(
      Object.keys(effectiveRecipe(resolveRecipe([head]))).toSorted(),
    );
  });
});
