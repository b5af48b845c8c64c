import { DataError, TrainingError } from "../../core/index.ts";
import { readText, writeText } from "../../core/storage/index.ts";
import type { ImageItem, ImageSource } from "../../data/index.ts";
import { hasWeights } from "../../nn/index.ts";
import { isOnnxPath, isWeightsPath } from "../../predict/index.ts";
import { fitBatch, planOver, trainModel, type Recipe } from "../../train/index.ts";
import type { SemiContext } from "../context.ts";
import type { Choice } from "../events.ts";
import { textHash } from "../fingerprints.ts";
import { imagesIn, listShards } from "../score/shards.ts";
import { paperSettings } from "../settings/effects.ts";
import { semiFields, type SemiSettings } from "../settings/settings.ts";
import { openStage, standingOf } from "../stages/do-stage.ts";
import type { Origin } from "../stages/manifest.ts";
import { imagesToAdaptTo, startOptions } from "../stages/training.ts";
import type { RunSettings } from "./plan-runs.ts";
import { planStages } from "./plan-stages.ts";
import type { AdaptStage, Method } from "./stage.ts";

/** Labelled images of a class from which training the whole network gains more than it forgets. */
const fullFrom = { adapted: 25, given: 20 };
/** Adapting to 1,000 images brought nothing (docs/results.md): hardly more than a dozen batches an epoch. */
const leastToAdapt = 2000;

/**
 * What the labels train where mode `auto` decides: the classifier alone while they are few. A network that was adapted to the
 * images gains less from being trained as a whole than one as it came, and needs more labels for it (docs/semi.md).
 *
 * @param imagesOfClass Labelled images of a class, on average.
 */
export function modeFor(isAdapted: boolean, imagesOfClass: number): "head" | "full" {
  return imagesOfClass < (isAdapted ? fullFrom.adapted : fullFrom.given) ? "head" : "full";
}

/** The first setting that differs from its default, or is varied, and has an effect in method `paper` alone. */
function askedOfPaper(settings: SemiSettings): keyof SemiSettings | undefined {
  const varied = new Set([settings.sweep, ...Object.values(settings.variants)].flatMap(Object.keys));
  return paperSettings.find(
    (key) =>
      varied.has(key) ||
      JSON.stringify(settings[key]) !== JSON.stringify(semiFields[key].schema.parse(undefined)),
  );
}

/** Whether a run starts from a network that was trained. */
const startsTrained = ({ teacher, scratch }: SemiSettings): boolean =>
  teacher !== null && !scratch && !isOnnxPath(teacher) && (isWeightsPath(teacher) || hasWeights(teacher));

/** A run whose method and mode are known; its settings say so. */
export interface ChosenRun extends RunSettings {
  readonly choice: Choice;
}

/** The same run by another choice. */
export function withChoice(run: RunSettings, choice: Choice): ChosenRun {
  const { method, mode = run.settings.mode } = choice;
  // All labels are trained on, where cross-validation judges.
  const validationShare = method === "paper" ? run.settings.validationShare : 0;
  return { ...run, settings: { ...run.settings, method, mode, validationShare }, choice };
}

/**
 * Chooses method and mode of a run by what it starts from and the images that there are; what adapting costs is not looked at
 * yet.
 *
 * @throws what opening the labelled images throws.
 */
export async function chooseMethod(context: SemiContext): Promise<Choice> {
  const { settings } = context;
  const asked = settings.method === "auto" ? askedOfPaper(settings) : undefined;
  if (settings.method === "paper") return paper("as asked for");
  if (asked !== undefined) return paper(`${asked} has an effect in it alone`);
  if (settings.method === "auto" && !startsTrained(settings)) {
    return paper(
      "the start has random weights: a trained network (-m, --teacher) makes more of few images, in another way",
    );
  }
  const { training } = await context.labelled();
  let labelled = 0;
  const classes = new Set<string | undefined>();
  for await (const { label } of training.images) {
    labelled++;
    classes.add(label);
  }
  const imagesOfClass = labelled / Math.max(1, classes.size);
  const about = async (): Promise<{ readonly method: Method; readonly because: string }> => {
    if (settings.method !== "auto") return { method: settings.method, because: "as asked for" };
    const all = labelled + imagesIn(await listShards(context));
    const images = Math.min(all, settings.adaptImages ?? all);
    return images < leastToAdapt
      ? {
          method: "labels",
          because: `${images} images are too few to adapt the network to (from ${leastToAdapt} on)`,
        }
      : {
          method: "adapt",
          because: `the start is a trained network, which ${images} images adapt to what they show`,
        };
  };
  const { method, because } = await about();
  return withMode(settings, method, because, imagesOfClass);
}

const paper = (because: string): Choice => ({ method: "paper", mode: undefined, because });

function withMode({ mode }: SemiSettings, method: Method, because: string, imagesOfClass: number): Choice {
  if (method === "joint") return { method, mode: "full", because: `${because}; it trains the whole network` };
  if (mode !== "auto") return { method, mode, because: `${because}; mode as asked for` };
  const isAdapted = method === "adapt";
  const chosen = modeFor(isAdapted, imagesOfClass);
  const from = isAdapted ? fullFrom.adapted : fullFrom.given;
  const few = `${Number(imagesOfClass.toFixed(1))} labelled images a class`;
  const why =
    chosen === "head"
      ? `${few} are fewer than the ${from} from which the whole network is trained`
      : `${few} are enough to train the whole network, from ${from} on`;
  return { method, mode: chosen, because: `${because}; ${why}` };
}

/** What adapting is worth, for those who are told that it is left out: docs/results.md says how that was measured. */
const worth = "it gave 5 to 9 points more on small photographs";

/**
 * Says what adapting the network takes, by a few steps that it times, unless it stands or goes on; method `auto` leaves out what
 * takes too long.
 *
 * @param before What is known of the run, by {@link chooseMethod}.
 * @param asked The settings as they were given.
 */
export async function weighAdaptation(
  context: SemiContext,
  before: Choice,
  asked: SemiSettings,
): Promise<Choice> {
  if (before.method !== "adapt") return before;
  const stage = planStages(context.settings).find(({ kind }) => kind === "adapt") as AdaptStage;
  const work = await openStage(context, stage);
  const { status } = await standingOf(context, stage.folder, work);
  if (status === "done" || status === "to resume") return before;
  const isAuto = asked.method === "auto";
  let seconds: number;
  try {
    seconds = await adaptationSeconds(context, stage, work.origin);
  } catch (error) {
    if (!isAuto || !(error instanceof TrainingError) || error.code !== "train/out-of-memory") throw error;
    return leftOut(before, asked, `adapting the network needs more memory than there is (${error.message})`);
  }
  const limit = asked.adaptMinutes;
  if (!isAuto || seconds <= 60 * limit) return { ...before, adaptSeconds: seconds };
  return leftOut(
    before,
    asked,
    `adapting the network would take about ${Math.ceil(seconds / 60)} minutes, and adaptMinutes is ${limit}; ${worth}: give --adapt-minutes ${Math.ceil(seconds / 60)}, or take fewer images (--adapt-images)`,
  );
}

/** The choice without adaptation. */
function leftOut(before: Choice, { mode }: SemiSettings, because: string): Choice {
  return {
    ...before,
    method: "labels",
    because: mode === "auto" ? `${because}. ${before.because}` : because,
  };
}

/** Costs that were timed, by what they depend on. */
const costName = ".adaptation-cost.json";
/** Steps that are timed, after one that opens what is needed. */
const timed = 3;
/** A step that takes longer is timed alone. */
const longStep = 10;

/** About how long adapting takes on this machine, in seconds. */
async function adaptationSeconds(context: SemiContext, stage: AdaptStage, origin: Origin): Promise<number> {
  const { platform, storage, path, execution } = context;
  const { device, threads = null } = execution;
  const key = await textHash(
    platform,
    JSON.stringify([origin, device, threads, platform.machineFacts(device)]),
  );
  const kept = await readText(storage, path(costName)).catch(() => "{}");
  const known = parsed(kept)[key];
  if (known !== undefined) return known;

  const { images } = await imagesToAdaptTo(context, stage.settings);
  const { recipe } = stage.settings;
  const total = images.size ?? (await countOf(images));
  const fitted = fitBatch(recipe, Math.max(1, total));
  const seconds = planOver(fitted, total).steps * (await secondsOfStep(context, stage, images, fitted));
  await writeText(storage, path(costName), JSON.stringify({ ...parsed(kept), [key]: seconds }));
  return seconds;
}

function parsed(text: string): Readonly<Record<string, number>> {
  try {
    return JSON.parse(text) as Record<string, number>;
  } catch {
    return {};
  }
}

async function countOf(images: ImageSource): Promise<number> {
  let count = 0;
  for await (const _ of images) count++;
  return count;
}

/** Takes real steps on images of the run, in a folder of their own that goes again. */
async function secondsOfStep(
  context: SemiContext,
  { settings: { start } }: AdaptStage,
  images: ImageSource,
  recipe: Recipe,
): Promise<number> {
  const { batchSize } = recipe;
  const { platform, storage, path, execution, signal } = context;
  const { device, threads, workers } = execution;
  const out = path(".adaptation-cost");
  // What a killed process left.
  await storage.remove(out);
  const wanted = (1 + timed) * batchSize;
  let seconds = 0;
  try {
    const events = trainModel(platform, {
      data: { name: "some images", images: firstImages(images, wanted) },
      ...startOptions(context, start),
      out,
      recipe: [{ name: "the cost", values: { ...recipe, base: "adapt", epochs: null, images: wanted } }],
      device,
      threads,
      workers,
      signal,
    });
    for await (const event of events) {
      if (event.type !== "step") continue;
      const own = batchSize / event.imagesPerSecond;
      if (event.step === 1 && own < longStep) continue;
      seconds += own;
      if (event.step === 1 || event.step === 1 + timed) return seconds / Math.max(1, event.step - 1);
    }
  } finally {
    await storage.remove(out);
  }
  signal?.throwIfAborted();
  throw new DataError("data/no-images", "There are too few images to time a step of the adaptation on.");
}

const firstImages = (images: ImageSource, count: number): ImageSource => ({
  classes: undefined,
  size: Math.min(count, images.size ?? count),
  async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
    let left = count;
    for await (const image of images) {
      if (left-- === 0) return;
      yield image;
    }
  },
});
