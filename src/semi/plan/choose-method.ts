import { hasWeights } from "../../nn/index.ts";
import { isOnnxPath, isWeightsPath } from "../../predict/index.ts";
import { chooseMode, countLabels } from "../../train/index.ts";
import type { SemiContext } from "../context.ts";
import type { Choice } from "../events.ts";
import { imagesIn, listShards } from "../score/shards.ts";
import { paperSettings } from "../settings/effects.ts";
import { semiFields, type SemiSettings } from "../settings/settings.ts";
import type { RunSettings } from "./plan-runs.ts";
import type { Method } from "./stage.ts";

/** Adapting to 1,000 images brought nothing (docs/results.md): hardly more than a dozen batches an epoch. */
const leastToAdapt = 2000;

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
  if (asked !== undefined) {
    const start =
      settings.studentStart === "random"
        ? "; its student begins with random weights (--student-start says otherwise)"
        : "";
    return paper(`${asked} has an effect in it alone${start}`);
  }
  if (settings.method === "auto" && !startsTrained(settings)) {
    return paper(
      "the start has random weights: a trained network (-m, --teacher) makes more of few images, in another way",
    );
  }
  const { labelled, imagesOfClass } = await countLabelled(context);
  const about = async (): Promise<{ readonly method: Method; readonly because: string }> => {
    if (settings.method !== "auto") {
      const untrained = startsTrained(settings)
        ? ""
        : ", from random weights, which hardly tell images apart";
      return { method: settings.method, because: `as asked for${untrained}` };
    }
    const unlabelled = imagesIn(await listShards(context));
    const most = settings.adaptImages ?? Infinity;
    const few = Math.min(unlabelled, most);
    return few < leastToAdapt
      ? {
          method: "labels",
          because: `${few} unlabelled image${few === 1 ? " is" : "s are"} too few to adapt the network to (from ${leastToAdapt} on)`,
        }
      : {
          method: "adapt",
          because: `the start is a trained network, which ${Math.min(labelled + unlabelled, most)} images adapt to what they show`,
        };
  };
  const { method, because } = await about();
  return withMode(settings, method, because, imagesOfClass);
}

const paper = (because: string): Choice => ({ method: "paper", mode: undefined, because });

/** The labelled images, and how many of them a class has on average. */
export const countLabelled = async (context: SemiContext): ReturnType<typeof countLabels> =>
  countLabels((await context.labelled()).training.images);

/** A method, with what the labels train in it. */
export function withMode(
  { mode }: SemiSettings,
  method: Method,
  because: string,
  imagesOfClass: number,
): Choice {
  if (method === "joint") return { method, mode: "full", because: `${because}; it trains the whole network` };
  if (mode !== "auto") return { method, mode, because: `${because}; mode as asked for` };
  const chosen = chooseMode(method === "adapt", imagesOfClass);
  return { method, mode: chosen.mode, because: `${because}; ${chosen.because}` };
}
