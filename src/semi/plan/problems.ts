import { quickProblems, type ImageItem, type NamedSet } from "../../data/index.ts";
import { wholeOrValidation, type ProblemsEvent } from "../../train/index.ts";
import { openWithLabels, type SemiContext } from "../context.ts";
import type { SemiSettings } from "../settings/settings.ts";
import { unlabelledImages } from "../stages/training.ts";

/**
 * Says what is wrong with the images of a run, as far as it takes no time to see.
 *
 * @param unlabelledCount How many unlabelled images there are; undefined where that was not found out
 */
export async function problemsOf(
  context: SemiContext,
  unlabelledCount: number | undefined,
): Promise<ProblemsEvent | undefined> {
  const { platform, settings, signal } = context;
  const sets = await setsOf(context, unlabelledCount);
  const problems = await quickProblems(platform, sets, { signal, balance: balanceOf(settings) });
  if (problems.length === 0) return undefined;
  const { labelled, validation, test, unlabelled, labelsFile, imageColumn, labelColumn } = settings;
  const checked = {
    data: labelled,
    validation: validation ?? undefined,
    test: test ?? undefined,
    unlabelled: unlabelled.length > 0 ? unlabelled : undefined,
    labelsFile: labelsFile ?? undefined,
    imageColumn: imageColumn ?? undefined,
    labelColumn: labelColumn ?? undefined,
  };
  return { type: "problems", problems, checked };
}

/** Which recipe may see each class equally often; none fits the classifier of mode `head`. */
function balanceOf({ method, mode, teach }: SemiSettings): string {
  if (method !== "paper" && mode === "head") return "";
  const recipe = method !== "paper" ? "tune" : teach ? "teach" : "finetune";
  return `train with sampler class-balanced (--${recipe}-recipe '{sampler: class-balanced}')`;
}

async function setsOf(
  context: SemiContext,
  unlabelledCount: number | undefined,
): Promise<readonly NamedSet[]> {
  const { settings } = context;
  const { training, validation, splits } = await context.labelled();
  // What is held out of the labelled images is a part of them.
  const isGiven = settings.validation !== null || (splits?.validation.length ?? 0) > 0;
  const sets: NamedSet[] = [{ set: "labelled", images: training.images }];
  if (validation) sets.push({ set: isGiven ? "validation" : "labelled", images: validation.images });
  if (settings.test) {
    const images = await openWithLabels(context, settings.test);
    sets.push({ set: "test", images: wholeOrValidation({ name: "", images }).images });
  }
  if (unlabelledCount === undefined) return sets;
  const unlabelled = {
    classes: undefined,
    size: unlabelledCount,
    // Of very many nobody looks at one.
    async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
      yield* (await unlabelledImages(context)).images;
    },
  };
  return [...sets, { set: "unlabelled", images: unlabelled }];
}
