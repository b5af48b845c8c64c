import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { exportSafetensors, openModel } from "../../src/node/library.ts";
import { trainModel } from "../../src/node/training.ts";
import { chooseMode, countLabels, parseRecipe, recipeText, resolveRecipe } from "../../src/train/index.ts";
import type { RecipeValues, TrainingEvent, TrainModelOptions } from "../../src/train/run/options.ts";
import { colours, writeColouredImages } from "../support/coloured-images.ts";
import { smallNetwork } from "../support/small-network.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { tensorsOf } from "../support/tensors-of.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
const [few, enough, weights] = [at("few"), at("enough"), at("small.safetensors")];

/** The rule's own recipe, shortened. */
const auto = { mode: "auto", images: 96 } as const satisfies RecipeValues;

const train = (out: string, options: Partial<TrainModelOptions> = {}): AsyncGenerator<TrainingEvent> =>
  trainModel({ data: enough, weights, out: at(out), recipe: auto, embeddingCache: at("cache"), ...options });

async function eventsOf(events: AsyncGenerator<TrainingEvent>): Promise<readonly TrainingEvent[]> {
  const found: TrainingEvent[] = [];
  for await (const event of events) found.push(event);
  return found;
}

const typesOf = (events: readonly TrainingEvent[]): ReadonlySet<string> =>
  new Set(events.map(({ type }) => type));

const best = (...run: readonly string[]): ReturnType<typeof tensorsOf> =>
  tensorsOf(at(...run, "best.safetensors"));

const recipeOf = (...run: readonly string[]): string => readFileSync(at(...run, "recipe.yaml"), "utf8");

beforeAll(async () => {
  await writeColouredImages(few, 4);
  await writeColouredImages(enough, 12);
  await exportSafetensors(smallNetwork({ inputSize: 16, numClasses: 5, stem: "cifar" }), weights);
});

describe("the rule", () => {
  it("trains the whole network where labels suffice, and one that was adapted only with more", () => {
    const modes = (isAdapted: boolean, counts: readonly number[]): readonly string[] =>
      counts.map((count) => chooseMode(isAdapted, count).mode);
    expect(modes(false, [5, 9.9, 10, 100])).toEqual(["head", "head", "full", "full"]);
    expect(modes(true, [5, 99, 100])).toEqual(["head", "head", "full"]);
  });

  it("counts the images of classes that have some", async () => {
    async function* images() {
      for (const label of ["a", "b", "a"]) yield { id: label, label, content: { path: label } };
    }
    expect(await countLabels(images())).toEqual({ labelled: 3, imagesOfClass: 1.5 });
  });
});

describe("few images", () => {
  it("train the classifier alone, as mode head does", async () => {
    const events = await eventsOf(train("few-run", { data: few, recipe: { mode: "auto" } }));
    expect(events[0]).toEqual({
      type: "mode-chosen",
      mode: "head",
      because: "4 labelled images a class are fewer than the 10 from which the whole network is trained",
    });
    await eventsOf(train("few-head", { data: few, recipe: { mode: "head" } }));
    expect(recipeOf("few-run")).toBe(recipeOf("few-head"));
    expect(await best("few-run")).toEqual(await best("few-head"));
    expect(existsSync(at("few-run", "classifier"))).toBe(false);
  });

  it.each<[RecipeValues, Partial<TrainModelOptions>, string]>([
    [auto, {}, "recipe: images (96): no effect in mode head"],
    [
      { mode: "auto", validationShare: 0.25 },
      {},
      "validationShare (0.25): no effect in modes head and adapt",
    ],
    [{ mode: "auto" }, { pseudoLabelled: few }, "(pseudoLabelled): no effect in mode head"],
  ])("refuse what has no effect then, and say why: %j", async (recipe, more, message) => {
    const running = eventsOf(train("refused", { data: few, recipe, ...more }));
    await expect(running).rejects.toMatchObject({
      code: "train/no-effect",
      message: expect.stringMatching(
        /^Mode auto takes mode head: [34] labelled images a class are fewer/,
      ) as string,
    });
    await expect(eventsOf(train("refused", { data: few, recipe, ...more }))).rejects.toThrow(message);
    expect(existsSync(at("refused"))).toBe(false);
  });

  it("are as few for a network that was adapted to images, up to 100 of a class", async () => {
    await eventsOf(train("adapted", { recipe: { base: "adapt", epochs: 1, batchSize: 12 } }));
    const start = { weights: at("adapted", "best.safetensors"), recipe: { mode: "auto" } } as const;
    const [first] = await eventsOf(train("on-adapted", start));
    expect(first).toMatchObject({
      mode: "head",
      because: "12 labelled images a class are fewer than the 100 from which the whole network is trained",
    });
  });
});

describe("enough images", () => {
  let events: readonly TrainingEvent[];
  beforeAll(async () => {
    events = await eventsOf(train("run"));
  });

  it("train the classifier, and then the whole network from it, on all labels", async () => {
    expect(events[0]).toEqual({
      type: "mode-chosen",
      mode: "full",
      because:
        "12 labelled images a class are enough to train the whole network, from 10 on; the classifier is fitted first",
    });
    const started = events.flatMap((event) => (event.type === "started" ? [event] : []));
    expect(started).toMatchObject([
      { model: "small", trainingImages: 36, recipe: { mode: "head" } },
      { model: "classifier", trainingImages: 36, validationImages: undefined, plan: { steps: 3 } },
    ]);
    const finished = events.filter(({ type }) => type === "finished");
    expect(finished).toMatchObject([{ folder: at("run") }]);
    expect(events.at(-1)).toBe(finished[0]);

    // What it comes to by hand.
    await eventsOf(train("head", { recipe: { mode: "head" } }));
    expect(await best("run", "classifier")).toEqual(await best("head"));
    const recipe = { base: "tune", images: 96 } as const;
    await eventsOf(train("tuned", { weights: at("head", "best.safetensors"), recipe }));
    expect(await best("run")).toEqual(await best("tuned"));
    expect(await best("run")).not.toEqual(await best("head"));
  });

  it("leave a recipe of what was trained, and where it came from", async () => {
    const { values } = parseRecipe(recipeOf("run"), "recipe.yaml");
    expect(values).toEqual(
      parseRecipe(recipeText(resolveRecipe([{ name: "test", values: { base: "tune", images: 96 } }])), "test")
        .values,
    );
    expect(values).toMatchObject({ mode: "full", learningRate: 0.005, batchNorm: "frozen" });
    expect(parseRecipe(recipeOf("run", "classifier"), "recipe.yaml").values["mode"]).toBe("head");
    const { description } = await openModel(at("run", "best.safetensors"));
    expect(description.classes).toEqual(colours);
    expect(description.provenance["started from"]).toMatch(
      /^classifier, sha256 \w+; before that small, sha256/,
    );
  });

  it("are validated on when some are held out, and these train no classifier either", async () => {
    const recipe = { ...auto, validationShare: 0.16 };
    const parted = await eventsOf(train("validated", { recipe }));
    expect(parted.filter(({ type }) => type === "started")).toMatchObject([
      { trainingImages: 30, recipe: { mode: "head" } },
      { trainingImages: 30, validationImages: 6, recipe: { mode: "full", validationShare: 0.16 } },
    ]);
    expect(parted.at(-1)).toMatchObject({ type: "finished", measuredImages: 6 });
    const given = await eventsOf(train("given", { validation: few }));
    expect(given.filter(({ type }) => type === "started")).toMatchObject([
      { trainingImages: 36, validationImages: 12 },
      { trainingImages: 36, validationImages: 12 },
    ]);
  });

  it("count without those that are held out", async () => {
    const recipe = { mode: "auto", validationShare: 0.5 } as const;
    await expect(eventsOf(train("half", { recipe }))).rejects.toThrow(
      "Mode auto takes mode head: 6 labelled images a class",
    );
  });

  it("take the recipe that is named, and images without labels for the classifier", async () => {
    const unlabelled = at("unlabelled");
    await writeColouredImages(unlabelled, 70, 3);
    const recipe = { ...auto, base: "card-finetune" } as const;
    const whitened = await eventsOf(train("whitened", { recipe, unlabelled }));
    expect(typesOf(whitened)).toContain("unlabelled-embedded");
    expect(recipeOf("whitened")).toContain("\nreferenceBatch: 1536\n");
    expect(recipeOf("whitened")).toContain("\nvalidationShare: 0\n");
  });

  it("are refused with random weights, which says what to use", async () => {
    for (const start of [{ scratch: true }, { weights: undefined, model: "resnet20_cifar10" }]) {
      await expect(eventsOf(train("random", start))).rejects.toMatchObject({
        code: "train/model",
        message: expect.stringContaining("or take mode full") as string,
      });
    }
    expect(existsSync(at("random"))).toBe(false);
  });
});

describe("a run that was stopped", () => {
  /** Aborts as soon as an event comes, and goes on in the same folder. */
  async function stopAt(
    out: string,
    isThere: (event: TrainingEvent) => boolean,
    more: Partial<TrainModelOptions> = {},
  ): Promise<{ readonly stopped: ReadonlySet<string>; readonly events: readonly TrainingEvent[] }> {
    const control = new AbortController();
    const seen: TrainingEvent[] = [];
    const running = async (): Promise<void> => {
      for await (const event of train(out, { ...more, signal: control.signal })) {
        seen.push(event);
        if (isThere(event)) control.abort();
      }
    };
    await running().catch((error: unknown) => expect(error).toBe(control.signal.reason));
    expect(control.signal.aborted).toBe(true);
    expect(typesOf(seen)).not.toContain("finished");
    await expect(eventsOf(train(out, more))).rejects.toMatchObject({ code: "train/out-exists" });
    return { stopped: typesOf(seen), events: await eventsOf(train(out, { ...more, resume: true })) };
  }

  it("in the classifier ends with the same weights", async () => {
    const more = { embeddingCache: at("own-cache") };
    const { stopped, events } = await stopAt("in-head", ({ type }) => type === "embedded", more);
    expect(stopped).not.toContain("step");
    expect(typesOf(events)).toContain("fitted");
    expect(await best("in-head")).toEqual(await best("run"));
  });

  it("before the first checkpoint of the whole network ends with the same weights", async () => {
    cpSync(at("run", "classifier"), at("between", "classifier"), { recursive: true });
    await eventsOf(train("between", { resume: true }));
    expect(await best("between")).toEqual(await best("run"));
  });

  it("in the whole network goes on there, and ends with the same weights", async () => {
    const { stopped, events } = await stopAt("in-full", ({ type }) => type === "step");
    expect(stopped).toContain("stopped");
    expect(events[0]).toMatchObject({ type: "mode-chosen", mode: "full", because: /./ });
    expect(typesOf(events)).not.toContain("fitted");
    expect(await best("in-full")).toEqual(await best("run"));
    expect(recipeOf("in-full")).toBe(recipeOf("run"));
  });

  it("goes on without a word about the mode", async () => {
    for await (const event of train("no-mode", { recipe: { ...auto, saveMinutes: 0 } }))
      if (event.type === "checkpoint" && event.kind === "last") break;
    await eventsOf(train("no-mode", { recipe: {}, weights: undefined, resume: true }));
    expect(await best("no-mode")).toEqual(await best("run"));
  });

  it("is no other than it was: one of mode full has no classifier, and other images are others", async () => {
    await expect(eventsOf(train("tuned", { resume: true }))).rejects.toMatchObject({
      code: "train/other-run",
      message: expect.stringContaining("without the classifier that mode auto fits first") as string,
    });
    await expect(eventsOf(train("run", { data: few, resume: true }))).rejects.toMatchObject({
      code: "train/other-run",
    });
  });
});
