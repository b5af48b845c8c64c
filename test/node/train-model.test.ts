import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { createModel, exportSafetensors, openImages, openModel } from "../../src/node/library.ts";
import { learningRateAt, parseRecipe, resolveRecipe } from "../../src/train/index.ts";
import type { TrainingEvent, TrainModelOptions } from "../../src/train/run/options.ts";
import { trainModel } from "../../src/node/training.ts";
import { colours, writeColouredImages } from "../support/coloured-images.ts";
import { smallNetwork } from "../support/small-network.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { tensorsOf } from "../support/tensors-of.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
const data = at("data");
const weights = at("small.safetensors");

const quick = {
  base: "quick",
  epochs: 3,
  batchSize: 8,
  scale: [0.5, 1],
  learningRate: 0.5,
} as const;

const train = (out: string, options: Partial<TrainModelOptions> = {}): AsyncGenerator<TrainingEvent> =>
  trainModel({ data, weights, out: at(out), recipe: quick, ...options });

async function eventsOf(events: AsyncGenerator<TrainingEvent>): Promise<readonly TrainingEvent[]> {
  const found: TrainingEvent[] = [];
  for await (const event of events) found.push(event);
  return found;
}

const ofType = <T extends TrainingEvent["type"]>(
  events: readonly TrainingEvent[],
  type: T,
): readonly Extract<TrainingEvent, { type: T }>[] =>
  events.filter((event): event is Extract<TrainingEvent, { type: T }> => event.type === type);

async function validated(path: string): Promise<number> {
  const model = await createModel(path);
  try {
    expect(model.classes).toEqual(colours);
    return (await model.validate(await openImages([data]))).top1;
  } finally {
    await model.release();
  }
}

beforeAll(async () => {
  await writeColouredImages(data, 20);
  await exportSafetensors(smallNetwork({ inputSize: 16, numClasses: 5, stem: "cifar" }), weights);
});

describe("a run", () => {
  let events: readonly TrainingEvent[];
  beforeAll(async () => {
    events = await eventsOf(train("run", { recipe: { ...quick, checkpointEvery: 2 } }));
  });

  it("learns, and tells of every step and epoch", () => {
    expect(events[0]).toMatchObject({
      type: "started",
      model: "small",
      classes: colours,
      trainingImages: 48,
      validationImages: 12,
      plan: { steps: 18, epochs: 3 },
      resumedAt: 0,
    });
    expect(ofType(events, "step").map(({ step }) => step)).toEqual(
      Array.from({ length: 18 }, (_, i) => i + 1),
    );
    const epochs = ofType(events, "epoch");
    expect(epochs.map(({ imagesProcessed }) => imagesProcessed)).toEqual([48, 96, 144]);
    expect(epochs[2]!.trainLoss).toBeLessThan(epochs[0]!.trainLoss);
    expect(events.at(-1)).toMatchObject({ type: "finished", top1: expect.any(Number) as number });
    expect(ofType(events, "finished")[0]!.top1).toBeGreaterThan(60);
  });

  it("leaves a folder with all that it did", () => {
    expect(readdirSync(at("run")).sort()).toEqual([
      "best.safetensors",
      "confidence.json",
      "epoch-2.safetensors",
      "last.safetensors",
      "metrics.jsonl",
      "recipe.yaml",
      "report.html",
      "summary.csv",
    ]);
    const rows = readFileSync(at("run", "metrics.jsonl"), "utf8").trimEnd().split("\n");
    expect(rows.map((row) => JSON.parse(row) as unknown)).toEqual(
      events
        .filter(({ type }) => type === "step" || type === "epoch")
        .map((event) => JSON.parse(JSON.stringify(event)) as unknown),
    );
    const summary = readFileSync(at("run", "summary.csv"), "utf8").split("\n");
    expect(summary[0]).toBe("epoch,train_loss,eval_loss,eval_top1,eval_top5,lr");
    expect(summary).toHaveLength(5);
    const report = readFileSync(at("run", "report.html"), "utf8");
    expect(report).toContain("small on ");
    expect(report).toContain("Confusion matrix");
  });

  it("leaves checkpoints that open as models", async () => {
    const { top1 } = ofType(events, "finished")[0]!;
    expect(await validated(at("run", "best.safetensors"))).toBeGreaterThan(top1! - 25);
    expect(await validated(at("run", "last.safetensors"))).toBeGreaterThan(60);
    expect([...(await tensorsOf(at("run", "last.safetensors"))).keys()]).toContain("fc.weight/momentum");
    expect([...(await tensorsOf(at("run", "best.safetensors"))).keys()]).not.toContain("fc.weight/momentum");
  });

  it("keeps a classifier of the same classes, and replaces one of others", async () => {
    const still = { ...quick, epochs: 1, learningRate: 1e-12 };
    const classifier = async (path: string): Promise<Buffer> => (await tensorsOf(path)).get("fc.weight")!;
    await eventsOf(train("kept", { weights: at("run", "best.safetensors"), recipe: still }));
    await eventsOf(train("replaced", { recipe: still }));
    const [trained, kept, replaced] = await Promise.all(
      ["run", "kept", "replaced"].map((name) => classifier(at(name, "best.safetensors"))),
    );
    expect(kept).toEqual(trained);
    expect(replaced!.length).toBe(trained!.length);
    expect(replaced).not.toEqual(trained);
  });
});

describe("what is trained", () => {
  it("is the last stages and the classifier when asked for, with averages of their weights", async () => {
    const recipe = { ...quick, epochs: 1, mode: "last-stages", batchNorm: "frozen", emaDecay: 0.5 } as const;
    await eventsOf(train("stages", { recipe }));
    const before = await tensorsOf(weights);
    const after = await tensorsOf(at("stages", "last.safetensors"));
    const changed = [...before.keys()].filter(
      (name) => !name.startsWith("fc.") && !before.get(name)!.equals(after.get(name)!),
    );
    expect(changed.length).toBeGreaterThan(0);
    expect(changed.filter((name) => !name.startsWith("layer2."))).toEqual([]);
    const best = await tensorsOf(at("stages", "best.safetensors"));
    expect(best.get("fc.weight")).toEqual(after.get("fc.weight/ema"));
    expect(await validated(at("stages", "last.safetensors"))).toBe(
      await validated(at("stages", "best.safetensors")),
    );
  });

  it("is the classifier on embeddings in mode head", async () => {
    const recipe = { base: "card-finetune", mode: "head" } as const;
    const events = await eventsOf(train("head", { recipe, embeddingCache: at("cache"), workers: 1 }));
    expect(ofType(events, "embedded")[0]).toMatchObject({ images: 60, cached: 0 });
    // None is held out: cross-validation judges it.
    expect(events.at(-1)).toMatchObject({ type: "finished", top1: undefined, crossValidatedTop1: 100 });
    expect(await validated(at("head", "best.safetensors"))).toBe(100);
    const report = readFileSync(at("head", "report.html"), "utf8");
    expect(report).toContain("<h1>head</h1>");
    expect(report).not.toContain("momentum");
    const effective = {
      seed: 0,
      mode: "head",
      sampler: "shuffled",
      exif: true,
      inputSize: null,
      smoothing: 0,
      onBrokenImage: "skip",
    };
    const text = readFileSync(at("head", "recipe.yaml"), "utf8");
    expect(parseRecipe(text, "recipe.yaml").values).toEqual(effective);
    expect(ofType(events, "started")[0]!.recipe).toEqual(effective);
    const { description } = await openModel(at("head", "best.safetensors"));
    expect(JSON.parse(description.provenance["recipe"]!)).toEqual(effective);
    const again = [parseRecipe(text, "recipe.yaml")];
    const second = await eventsOf(train("head-again", { recipe: again, embeddingCache: at("cache") }));
    expect(ofType(second, "started")[0]!.recipe).toEqual(effective);
    expect(await tensorsOf(at("head-again", "best.safetensors"))).toEqual(
      await tensorsOf(at("head", "best.safetensors")),
    );
  });

  it("is a head on what unlabelled images say of embeddings, validated where images are given", async () => {
    const recipe = { base: "quick", mode: "head" } as const;
    const unlabelled = at("unlabelled");
    await writeColouredImages(unlabelled, 70, 3);
    const options = { recipe, unlabelled, validation: data, embeddingCache: at("cache") };
    const events = await eventsOf(train("whitened", options));
    expect(ofType(events, "unlabelled-embedded")).toMatchObject([{ images: 210 }]);
    expect(events.at(-1)).toMatchObject({ type: "finished", top1: 100, crossValidatedTop1: 100 });
    const page = readFileSync(at("whitened", "report.html"), "utf8");
    expect(page).toContain("<h2>Validation</h2>");
    expect(page).toContain("<h2>Cross-validation</h2>");
    // Every way of seeing embeddings was tried, and the best one in cross-validation taken.
    const tried = ofType(events, "tried");
    expect(new Set(tried.map(({ features }) => features))).toEqual(new Set(["half-whitened", "as they are"]));
    const least = tried.reduce((best, each) => (each.loss < best.loss ? each : best));
    expect(ofType(events, "fitted")).toMatchObject([{ features: least.features, l2: least.l2 }]);
    expect(page).toContain("and how the classifier sees embeddings, were chosen");
  });
});

describe("images that a model labelled", () => {
  const recipe = { ...quick, epochs: 2, validationShare: 0 };
  const others = at("others");
  beforeAll(() => writeColouredImages(others, 4, 7));

  it("are half of each batch, and change neither steps nor batch", async () => {
    const alone = await eventsOf(train("alone", { recipe }));
    const mixed = await eventsOf(train("mixed", { recipe, pseudoLabelled: others }));
    const { plan, trainingImages } = ofType(alone, "started")[0]!;
    expect(ofType(mixed, "started")[0]).toMatchObject({ plan, trainingImages });
    const [one, other] = [at("alone", "best.safetensors"), at("mixed", "best.safetensors")];
    expect(readFileSync(other)).not.toEqual(readFileSync(one));
    const { provenance } = (await openModel(other)).description;
    expect(provenance["data"]).toBe(`${data}, 60 images of 3 classes; half of each batch: ${others}`);
  });

  it("are the same when the run goes on, or it does not", async () => {
    const out = at("mixed-stopped");
    for await (const event of train("mixed-stopped", {
      recipe: { ...recipe, saveMinutes: 0 },
      pseudoLabelled: others,
    }))
      if (event.type === "checkpoint") break;
    await writeColouredImages(at("more-others"), 5, 7);
    await expect(
      eventsOf(train("mixed-stopped", { recipe, pseudoLabelled: at("more-others"), resume: true })),
    ).rejects.toMatchObject({ code: "train/other-run" });
    await eventsOf(train("mixed-stopped", { recipe, pseudoLabelled: others, resume: true }));
    const [own, other] = [out, at("mixed")].map((run) => tensorsOf(join(run, "best.safetensors")));
    expect(await own).toEqual(await other);
  });

  it.each([
    { base: "quick", mode: "head" },
    { base: "adapt", epochs: 1 },
  ] as const)("are refused by %j", async (values) => {
    const running = eventsOf(train("no", { recipe: values, pseudoLabelled: others }));
    await expect(running).rejects.toMatchObject({
      code: "train/no-effect",
      message: expect.stringContaining("pseudoLabelled") as string,
    });
  });
});

describe("a set with fewer images than a batch", () => {
  it("is taken as a whole at each step, which is said and recorded", async () => {
    const recipe = { ...quick, epochs: 2, batchSize: 64 };
    const events = await eventsOf(train("few", { recipe }));
    expect(events.slice(0, 2)).toMatchObject([
      { type: "smaller-batch", images: 48, asked: 64, batchSize: 48 },
      { type: "started", plan: { batchSize: 48, steps: 2 }, recipe: { batchSize: 48 } },
    ]);
    // Scaled from the reference batch, as that of any batch of 48.
    const scaled = resolveRecipe([{ name: "test", values: { ...recipe, batchSize: 48 } }]);
    expect(ofType(events, "step")[1]!.learningRate).toBe(learningRateAt(scaled, 1 / 2));
    expect(readFileSync(at("few", "recipe.yaml"), "utf8")).toContain("batchSize: 48\n");
    const resume = { recipe, resume: true, weights: undefined };
    expect((await eventsOf(train("few", resume))).map(({ type }) => type)).toEqual([
      "smaller-batch",
      "started",
      "no-confidence",
      "finished",
    ]);
  });
});

describe("a patience", () => {
  const still = { ...quick, epochs: 6, learningRate: 1e-12, batchNorm: "frozen", patience: 2 } as const;

  it("ends a training whose validation gets no better, and a resume of it too", async () => {
    const ends = { type: "no-better", epoch: 3, epochs: 6, best: 1 };
    const events = await eventsOf(train("patience", { recipe: still }));
    expect(ofType(events, "epoch").map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
    expect(ofType(events, "no-better")).toEqual([ends]);
    expect(events.at(-1)).toMatchObject({ type: "finished", best: { epoch: 1 } });
    const resumed = await eventsOf(train("patience", { recipe: still, weights: undefined, resume: true }));
    expect(resumed.map(({ type }) => type)).toEqual(["started", "no-better", "no-confidence", "finished"]);
  });

  it.each([
    ["validationShare", { ...still, validationShare: 0 }],
    ["validate no epochs", { mode: "head", patience: 2 }],
  ] as const)("is refused where nothing is validated: %s", async (name, recipe) => {
    await expect(eventsOf(train("impatient", { recipe }))).rejects.toMatchObject({
      code: "train/no-effect",
      message: expect.stringContaining(name) as string,
    });
    expect(existsSync(at("impatient"))).toBe(false);
  });
});

describe("a run that cannot go on", () => {
  it("says where the loss left the numbers, and keeps the checkpoint from before", async () => {
    // The warm-up starts at zero, so the first step changes no weight, and the next ones do.
    const recipe = { ...quick, learningRate: 1e30, warmUp: 0.9, saveMinutes: 0 };
    await expect(eventsOf(train("diverged", { recipe }))).rejects.toMatchObject({
      code: "train/not-finite",
      message: expect.stringMatching(
        /^Step \d+, at a learning rate of .*lower the learning rate.*last\.safetensors/,
      ) as string,
    });
    const tensors = [...(await tensorsOf(at("diverged", "last.safetensors"))).values()];
    const isFinite = (bytes: Buffer): boolean =>
      new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4).every(Number.isFinite);
    expect(tensors.length).toBeGreaterThan(0);
    expect(tensors.every(isFinite)).toBe(true);
  });

  it("skips an image that cannot be read and names it, or fails when told to", async () => {
    const broken = at("broken");
    await writeColouredImages(broken, 8);
    writeFileSync(join(broken, "red", "0.png"), "no image");
    const recipe = { ...quick, epochs: 1, validationShare: 0 };
    const events = await eventsOf(train("skipping", { data: broken, recipe }));
    expect(ofType(events, "skipped")).toMatchObject([{ id: join(broken, "red", "0.png") }]);
    expect(ofType(events, "epoch")[0]).not.toHaveProperty("valTop1");
    const failing = train("failing", { data: broken, recipe: { ...recipe, onBrokenImage: "fail" } });
    await expect(eventsOf(failing)).rejects.toMatchObject({ code: "data/broken-image" });
    const head = { base: "quick", mode: "head", validationShare: 0, onBrokenImage: "fail" } as const;
    await expect(
      eventsOf(train("failing-head", { data: broken, recipe: head, embeddingCache: false })),
    ).rejects.toMatchObject({ code: "data/broken-image" });
  });
});

it("keeps classes without images where the caller says so", async () => {
  const hollow = at("hollow");
  await writeColouredImages(hollow, 8);
  mkdirSync(join(hollow, "violet"));
  const events = await eventsOf(train("hollow-run", { data: hollow, classesMayBeEmpty: true }));
  expect(events[0]).toMatchObject({ type: "started", classes: [...colours, "violet"] });
  expect(events.at(-1)).toMatchObject({ type: "finished" });
});

describe("what is refused before anything is written", () => {
  const other = at("other");
  const empty = at("empty");
  beforeAll(async () => {
    await writeColouredImages(other, 2);
    mkdirSync(join(other, "violet"));
    writeFileSync(join(other, "violet", "1.png"), readFileSync(join(other, "red", "1.png")));
    await writeColouredImages(empty, 8);
    mkdirSync(join(empty, "violet"));
    mkdirSync(at("nothing"));
    writeFileSync(at("a-file"), "");
    cpSync(join(data, "red"), at("one-class", "red"), { recursive: true });
  });
  const tiny = { ...quick, inputSize: 2 };

  it.each<[string, Partial<TrainModelOptions>, string, string]>([
    ["a class without images", { data: empty }, "data/empty-classes", "violet"],
    [
      "other validation classes",
      { validation: other },
      "data/class-mismatch",
      "of the training images (blue, green, red) by name or index; 1 of 4 do not: violet",
    ],
    ["no images", { data: at("nothing") }, "data/no-images", "nothing"],
    ["no data", { data: at("absent") }, "data/not-found", "absent"],
    ["one class", { data: at("one-class") }, "train/classes", "red alone"],
    [
      "statistics of one value",
      { recipe: { ...tiny, microBatch: 1 } },
      "train/batch-norm",
      "layer2.0.bn2: batch normalisation would take the statistics of one value",
    ],
    [
      "more stages than there are",
      { recipe: { ...quick, mode: "last-stages", lastStages: 3 } },
      "train/recipe",
      "the network has 2 stages",
    ],
    [
      "a share beside validation images",
      { recipe: { ...quick, validationShare: 0.3 }, validation: data },
      "train/no-effect",
      "recipe: validationShare (0.3): no effect where validation images are given",
    ],
    [
      "what mode head has no use for",
      { recipe: { base: "quick", mode: "head", learningRate: 0.5, sampler: "sequential" } },
      "train/no-effect",
      "recipe: learningRate (0.5): no effect in mode head",
    ],
    ["an unknown value", { recipe: { base: "quick", lr: 1 } as object }, "train/recipe", '"lr"'],
    ["no model", { weights: undefined }, "train/model", "--model"],
    ["images without labels in mode full", { unlabelled: data }, "train/unlabelled", "mode head"],
    ["weights and none", { scratch: true }, "train/model", "scratch"],
    ["a name", { model: "resnext", weights: undefined }, "model/unknown-name", "resnext"],
    ["a folder in a file", { out: at("a-file", "run") }, "data/not-found", "a-file"],
  ])("%s", async (_, options, code, message) => {
    await expect(eventsOf(train("refused", options))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
    });
    expect(existsSync(at("refused"))).toBe(false);
  });
});

describe("an earlier run", () => {
  const once = { ...quick, epochs: 1 };
  beforeAll(() => eventsOf(train("earlier", { recipe: once })));

  it("is not written over", async () => {
    await expect(eventsOf(train("earlier"))).rejects.toMatchObject({ code: "train/out-exists" });
  });

  it("is complete: a resume says so again", async () => {
    const events = await eventsOf(train("earlier", { recipe: undefined, resume: true, weights: undefined }));
    expect(events.map(({ type }) => type)).toEqual(["started", "no-confidence", "finished"]);
  });

  it.each<[string, Partial<TrainModelOptions>, string]>([
    ["another recipe", { recipe: { ...once, momentum: 0.5 } }, "momentum: 0.9 when it began, 0.5 now"],
    ["other images", { data: at("broken") }, "the number of training images"],
    ["another network", { model: "resnet18", weights: undefined }, "the network"],
    ["a classifier in its place", { recipe: { mode: "head" } }, "holds a training in mode full"],
  ])("does not go on with %s", async (_, options, message) => {
    const resumed = train("earlier", { recipe: once, weights: undefined, resume: true, ...options });
    await expect(eventsOf(resumed)).rejects.toMatchObject({
      code: "train/other-run",
      message: expect.stringContaining(message) as string,
    });
  });

  it("does not go on without its history, or from weights alone", async () => {
    const resume = { recipe: undefined, resume: true, weights: undefined };
    rmSync(at("earlier", "metrics.jsonl"));
    await expect(eventsOf(train("earlier", resume))).rejects.toMatchObject({ code: "train/history" });
    writeFileSync(at("earlier", "last.safetensors"), readFileSync(at("earlier", "best.safetensors")));
    await expect(eventsOf(train("earlier", resume))).rejects.toMatchObject({ code: "train/no-checkpoint" });
  });
});
