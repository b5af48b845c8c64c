import { TrainingError } from "../../core/index.ts";
import { openModel } from "../../predict/index.ts";
import { classLikeness, type ClassLikeness } from "../../train/index.ts";
import type { SemiContext } from "../context.ts";
import type { Choice, SemiEvent } from "../events.ts";
import type { SemiSettings } from "../settings/settings.ts";
import { openStage, standingOf } from "../stages/do-stage.ts";
import type { Origin } from "../stages/manifest.ts";
import { imagesToAdaptTo, unlabelledImages } from "../stages/training.ts";
import { countLabelled, withMode } from "./choose-method.ts";
import { givenModel, planStages } from "./plan-stages.ts";
import type { AdaptStage, StageKind, TuneStage } from "./stage.ts";
import { kept, secondsOfTraining } from "./time-training.ts";

/** What adapting is worth, for those who are told that it is left out: docs/results.md says how that was measured. */
const worth = "it gave 5 to 9 points more on small photographs";

/** Unlabelled images that are looked at to see what they show. */
const lookedAt = 500;
/**
 * Adapting to images of which four in ten showed the classes helped, and to images of which none did harmed a classifier of few labels
 * (docs/results.md); estimates of no images at all reach 0.14, of four in ten they fall to 0.32.
 */
const leastShare = 0.2;

/**
 * Says what the trainings of a run take that are wanted, each by a few steps that it times, and leaves out what `auto` finds too long.
 *
 * @param before What is known of the run, by {@link chooseMethod}.
 * @param asked The settings as they were given.
 * @param only The kinds of stages that are to be done. @default all
 */
export async function* weighTrainings(
  context: SemiContext,
  before: Choice,
  asked: SemiSettings,
  only: readonly StageKind[] | undefined,
): AsyncGenerator<SemiEvent, Choice, undefined> {
  const isWanted = (kind: StageKind): boolean => only?.includes(kind) ?? true;
  let choice = before;
  if (isWanted("adapt") && choice.method === "adapt") {
    yield { type: "timing", training: "adapt" };
    choice = await weighAdaptation(context, choice, asked);
  }
  const { method, mode } = choice;
  if (isWanted("tune") && mode === "full" && method !== "joint" && asked.mode === "auto") {
    yield { type: "timing", training: "tune" };
    choice = await weighTuning(context, choice, asked);
  }
  return choice;
}

/**
 * Says what adapting the network takes, by a few steps that it times, unless it stands; method `auto` leaves out what takes too long,
 * and adapts to no images that hardly show the classes. What was timed before is kept, so that a run goes on as it began unless
 * another limit is given.
 *
 * @param before What is known of a run of method `adapt`, by {@link chooseMethod}.
 * @param asked The settings as they were given.
 */
async function weighAdaptation(context: SemiContext, before: Choice, asked: SemiSettings): Promise<Choice> {
  const stage = planStages(context.settings).find(({ kind }) => kind === "adapt") as AdaptStage;
  const work = await openStage(context, stage);
  const { status } = await standingOf(context, stage.folder, work);
  if (status === "done") return before;
  const isAuto = asked.method === "auto";
  let seconds: number;
  try {
    seconds = await secondsOfTraining(
      context,
      "adapt",
      stage.settings,
      async () => (await imagesToAdaptTo(context, stage.settings)).images,
      work.origin,
    );
  } catch (error) {
    if (!isAuto || !(error instanceof TrainingError) || error.code !== "train/out-of-memory") throw error;
    return leftOut(context, asked, `adapting the network needs more memory than there is (${error.message})`);
  }
  if (!isAuto) return { ...before, adaptSeconds: seconds };
  const limit = asked.adaptMinutes;
  if (seconds > 60 * limit) {
    return leftOut(
      context,
      asked,
      `adapting the network would take about ${Math.ceil(seconds / 60)} minutes, and adaptMinutes is ${limit}; ${worth}: give --adapt-minutes ${Math.ceil(seconds / 60)}, or take fewer images (--adapt-images)`,
    );
  }
  const likeness = await likenessOf(context, stage, work.origin);
  if (!likeness) return { ...before, adaptSeconds: seconds };
  const percent = Math.round(100 * likeness.share);
  const seen = `of ${likeness.images} unlabelled images that were looked at, about ${percent} % look like one of the classes`;
  return likeness.share < leastShare
    ? leftOut(
        context,
        asked,
        `${seen}, and adapting the network to images that show something else can make it worse: add images of the classes, or give --method adapt`,
      )
    : { ...before, adaptSeconds: seconds, because: `${before.because}; ${seen}` };
}

/**
 * Says what training the whole network takes, with labels alone and with what the unlabelled images brought; mode `auto` leaves the
 * network as it is where that takes too long.
 *
 * @param before What is known of a run of methods `adapt` and `labels` in mode `full`, by {@link chooseMethod} and {@link weighAdaptation}.
 * @param asked The settings as they were given.
 */
async function weighTuning(context: SemiContext, before: Choice, asked: SemiSettings): Promise<Choice> {
  const { settings, fingerprints, signal } = context;
  const stage = planStages({ ...settings, method: before.method, mode: "full" }).find(
    (one): one is TuneStage => one.kind === "tune",
  )!;
  const seconds =
    2 *
    (await secondsOfTraining(
      context,
      "quick",
      { ...stage.settings, start: givenModel(settings) },
      async () => (await context.labelled()).training.images,
      await fingerprints.data(settings.labelled, signal),
    ));
  const limit = asked.tuneMinutes;
  if (seconds <= 60 * limit) return { ...before, tuneSeconds: seconds };
  const minutes = Math.ceil(seconds / 60);
  return {
    ...before,
    mode: "head",
    because: `${before.because}, which would take about ${minutes} minute${minutes === 1 ? "" : "s"}, and tuneMinutes is ${limit}: the classifier alone is trained; give --tune-minutes ${minutes} for the rest`,
  };
}

/** The choice without adaptation. */
async function leftOut(context: SemiContext, asked: SemiSettings, because: string): Promise<Choice> {
  return withMode(asked, "labels", because, (await countLabelled(context)).imagesOfClass);
}

/** How many of the unlabelled images show the classes; undefined where that cannot be told. */
async function likenessOf(
  context: SemiContext,
  { settings: { start } }: AdaptStage,
  { inputs }: Origin,
): Promise<ClassLikeness | undefined> {
  if ("folder" in start) return undefined;
  const {
    platform,
    execution,
    signal,
    settings: { seed, exif },
  } = context;
  const { engine, precision, device, plan } = execution;
  const { model, scratch: _, ...weights } = start;
  const found = await kept(context, ["likeness", inputs, start, seed, exif, lookedAt], async () => {
    const { training, classes } = await context.labelled();
    const likeness = await classLikeness(
      platform,
      await openModel(platform, model, { ...weights, preprocessing: { exifOrientation: exif }, signal }),
      training.images,
      {
        classes,
        unlabelled: (await unlabelledImages(context)).images,
        whiteningImages: lookedAt,
        seed,
        engine,
        precision,
        device,
        plan,
        signal,
      },
    );
    return likeness ?? null;
  });
  return found ?? undefined;
}
