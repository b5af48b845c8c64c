import { UsageError } from "../../core/index.ts";
import { recipeKeys, type Recipe } from "./fields.ts";

/** What other values have to be for a value to have an effect. */
export interface Condition<Values> {
  readonly holds: (values: Values) => boolean;
  /** Where it does not, as the end of "has no effect …". */
  readonly where: string;
  /** What to do instead, besides leaving the value out. */
  readonly instead: string;
}

/** When a value has an effect: where all of these hold. */
export interface Effect<Values> {
  readonly needs: readonly Condition<Values>[];
  /** Values that ask for what happens anyway where they have no effect; they are no contradiction. */
  readonly off: readonly unknown[];
}

/** When each of some values has an effect. */
export type Effects<Values> = { readonly [Name in keyof Values]: Effect<Values> };

/** A value that has an effect whatever the others are. */
export const always: Effect<unknown> = { needs: [], off: [] };

/** A value that has an effect where conditions hold. @param off See {@link Effect} */
export const when = <Values>(
  needs: readonly Condition<Values>[],
  ...off: readonly unknown[]
): Effect<Values> => ({
  needs,
  off,
});

const bySteps: Condition<Recipe> = {
  holds: ({ mode }) => mode !== "head",
  where:
    "in mode head, which embeds every image once, as evaluation sees it, and fits the classifier at once, with a decay of its own choice",
  instead: "train by steps, with mode full or last-stages",
};
const onLabels: Condition<Recipe> = {
  holds: ({ mode }) => mode !== "adapt",
  where: "in mode adapt, which looks at no labels and trains no classifier",
  instead: "train on labels, with mode full, last-stages or head",
};
const heldOut: Condition<Recipe> = {
  holds: ({ mode }) => mode === "full" || mode === "last-stages",
  where: "in modes head and adapt, which train on all images: head cross-validates, adapt has no labels",
  instead: "give validation images of their own (validation, --val) in mode head",
};
const validated: Condition<Recipe> = {
  holds: ({ mode }) => mode === "full" || mode === "last-stages",
  where: "in modes head and adapt, which validate no epochs",
  instead: "take mode full or last-stages",
};
const inPairs: Condition<Recipe> = {
  holds: ({ mode }) => mode === "adapt",
  where: "but in mode adapt",
  instead: "take that mode",
};
const byClass: Condition<Recipe> = {
  holds: ({ mode, sampler }) => mode !== "adapt" || sampler !== "class-balanced",
  where: "in mode adapt, which looks at no labels",
  instead: "take shuffled or sequential",
};
const lastStages: Condition<Recipe> = {
  holds: ({ mode }) => mode === "last-stages",
  where: "but in mode last-stages",
  instead: "take that mode",
};
const inOrder: Condition<Recipe> = {
  holds: ({ mode, sampler }) => mode !== "head" || sampler !== "sequential",
  where: "in mode head, which looks at all images at once: there is no order",
  instead: "take shuffled (each image counts the same) or class-balanced (each class does)",
};
const withDrops: Condition<Recipe> = {
  holds: ({ schedule }) => schedule === "step" || schedule === "halving",
  where: "but with schedule step or halving",
  instead: "take one of these",
};
const withFactor: Condition<Recipe> = {
  holds: ({ schedule, drops, milestones }) =>
    (schedule === "step" && drops > 0) || (schedule === "multistep" && milestones.length > 0),
  where: "but with schedule step and drops, or multistep and milestones",
  instead: "take one of these",
};
const withMilestones: Condition<Recipe> = {
  holds: ({ schedule }) => schedule === "multistep",
  where: "but with schedule multistep",
  instead: "take that",
};
const withCosine: Condition<Recipe> = {
  holds: ({ schedule }) => schedule === "cosine",
  where: "but with schedule cosine",
  instead: "take that",
};
const withWarmUp: Condition<Recipe> = {
  holds: ({ warmUp }) => warmUp > 0,
  where: "without a warm-up",
  instead: "give its share of the run (warmUp)",
};
const withSgd: Condition<Recipe> = {
  holds: ({ optimizer }) => optimizer === "sgd",
  where: "with optimizer adamw, whose two averages decay by 0.9 and 0.999",
  instead: "take sgd",
};
const withMomentum: Condition<Recipe> = {
  holds: ({ momentum }) => momentum > 0,
  where: "with momentum 0",
  instead: "give a momentum",
};
const withDecay: Condition<Recipe> = {
  holds: ({ weightDecay }) => weightDecay > 0,
  where: "with weightDecay 0",
  instead: "give a weightDecay",
};
const resized: Condition<Recipe> = {
  holds: ({ crop }) => crop === "random-resized",
  where: "with crop random, which takes the whole short side",
  instead: "take crop random-resized",
};
const padded: Condition<Recipe> = {
  holds: ({ crop }) => crop === "random",
  where: "with crop random-resized, which pads nothing",
  instead: "take crop random",
};
const withPadding: Condition<Recipe> = {
  holds: ({ padding }) => padding > 0,
  where: "with padding 0",
  instead: "give a padding",
};
const withoutPolicy: Condition<Recipe> = {
  holds: ({ autoAugment }) => autoAugment === null,
  where: "with autoAugment, which changes colours itself: timm leaves the jitter out then",
  instead: "take autoAugment out (null)",
};
const withJitter: Condition<Recipe> = {
  holds: ({ colorJitter, autoAugment }) =>
    colorJitter !== null && autoAugment === null && [colorJitter].flat().some((strength) => strength > 0),
  where: "without colorJitter",
  instead: "give one (and no autoAugment, beside which there is none)",
};
const jittered: Condition<Recipe> = {
  holds: ({ colorJitterProb }) => colorJitterProb > 0,
  where: "with colorJitterProb 0",
  instead: "give a colorJitterProb",
};
const varied: Condition<Recipe> = {
  holds: ({ augmentProb }) => augmentProb > 0,
  where: "with augmentProb 0, which leaves images cropped and flipped only",
  instead: "give an augmentProb",
};
const withVariety: Condition<Recipe> = {
  holds: (recipe) =>
    recipe.autoAugment !== null ||
    (withJitter.holds(recipe) && jittered.holds(recipe)) ||
    recipe.grayscaleProb > 0 ||
    recipe.gaussianBlurProb > 0 ||
    recipe.reProb > 0,
  where: "without colorJitter, autoAugment, grey, blur and erasing",
  instead: "give one of these",
};
const withErasing: Condition<Recipe> = {
  holds: ({ reProb }) => reProb > 0,
  where: "with reProb 0, which erases nothing",
  instead: "give a reProb",
};
const withoutBounds: Condition<Recipe> = {
  holds: ({ cutmixMinmax }) => cutmixMinmax === null,
  where: "with cutmixMinmax, which takes its place",
  instead: "give one of the two",
};
const cuts = ({ cutmix, cutmixMinmax }: Recipe): boolean => cutmix > 0 || cutmixMinmax !== null;
const withMixing: Condition<Recipe> = {
  holds: (recipe) => recipe.mixup > 0 || cuts(recipe),
  where: "without mixup and cutmix",
  instead: "give one of these",
};
const withBoth: Condition<Recipe> = {
  holds: (recipe) => recipe.mixup > 0 && cuts(recipe),
  where: "but where mixup and cutmix are both on",
  instead: "give both",
};

/** When each value of a recipe has an effect: what is asked for elsewhere is refused, and what is not is not recorded. */
export const recipeEffects: Effects<Recipe> = {
  seed: always,
  mode: always,
  lastStages: when([lastStages]),
  epochs: when([bySteps], null),
  images: when([bySteps], null),
  patience: when([validated], null),
  batchSize: when([bySteps]),
  microBatch: when([bySteps], null),
  sampler: when([inOrder, byClass]),
  exif: always,
  inputSize: always,
  learningRate: when([bySteps]),
  referenceBatch: when([bySteps]),
  schedule: when([bySteps]),
  drops: when([bySteps, withDrops], 0),
  dropFactor: when([bySteps, withFactor]),
  milestones: when([bySteps, withMilestones], []),
  finalFactor: when([bySteps, withCosine]),
  warmUp: when([bySteps], 0),
  warmUpStart: when([bySteps, withWarmUp], 0),
  optimizer: when([bySteps]),
  momentum: when([bySteps, withSgd]),
  nesterov: when([bySteps, withSgd, withMomentum], false),
  weightDecay: when([bySteps]),
  decay: when([bySteps, withDecay]),
  clipNorm: when([bySteps], null),
  emaDecay: when([bySteps], null),
  temperature: when([inPairs]),
  headRateFactor: when([bySteps, onLabels], 1),
  batchNorm: when([bySteps], "frozen"),
  dropRate: when([bySteps, onLabels], 0),
  dropPathRate: when([bySteps], 0),
  crop: when([bySteps]),
  scale: when([bySteps, resized]),
  ratio: when([bySteps, resized]),
  interpolation: when([bySteps]),
  padding: when([bySteps, padded], 0),
  paddingMode: when([bySteps, padded, withPadding]),
  hflip: when([bySteps], 0),
  vflip: when([bySteps], 0),
  colorJitter: when([bySteps, withoutPolicy, jittered, varied], null, 0),
  colorJitterProb: when([bySteps, withJitter, varied], 0),
  autoAugment: when([bySteps, varied], null),
  grayscaleProb: when([bySteps, varied], 0),
  gaussianBlurProb: when([bySteps, varied], 0),
  reProb: when([bySteps, varied], 0),
  augmentProb: when([bySteps, withVariety], 0),
  reMode: when([bySteps, withErasing, varied]),
  reCount: when([bySteps, withErasing, varied]),
  mixup: when([bySteps, onLabels], 0),
  cutmix: when([bySteps, onLabels, withoutBounds], 0),
  cutmixMinmax: when([bySteps, onLabels], null),
  mixupProb: when([bySteps, onLabels, withMixing]),
  mixupSwitchProb: when([bySteps, onLabels, withBoth]),
  smoothing: when([onLabels], 0),
  onBrokenImage: always,
  validationShare: when([heldOut], 0),
  checkpointEvery: when([bySteps], null),
  saveMinutes: when([bySteps]),
};

/** The values of a recipe that have an effect in it: what a run records. */
export function effectiveRecipe(recipe: Recipe): Partial<Recipe> {
  return Object.fromEntries(
    recipeKeys
      .filter((key) => idleSince(recipeEffects, key, recipe) === undefined)
      .map((key) => [key, recipe[key]]),
  );
}

/** A value that somebody asked for, and where. */
export interface AskedValue<Name extends string = string> {
  readonly name: Name;
  readonly value: unknown;
  /** What messages call the place. */
  readonly by: string;
}

/** Why a value has no effect among others; undefined where it has one. */
export function idleSince<Values extends object>(
  effects: Effects<Values>,
  name: keyof Values,
  values: Values,
): Condition<Values> | undefined {
  return effects[name].needs.find(({ holds }) => !holds(values));
}

/**
 * Refuses what was asked for and would have no effect.
 *
 * @throws UsageError with this code, which names the values, where they have no effect, and what to do instead.
 */
export function refuseIdle<Values extends object>(
  code: string,
  asked: readonly AskedValue<keyof Values & string>[],
  effects: Effects<Values>,
  values: Values,
): void {
  const lines = new Map<string, { readonly names: string[]; readonly line: (names: string) => string }>();
  for (const { name, value, by } of asked) {
    const needed = idleSince(effects, name, values);
    if (!needed || isOneOf(value, effects[name].off)) continue;
    const { where, instead } = needed;
    const key = JSON.stringify([by, where]);
    const group = lines.get(key) ?? {
      names: [],
      line: (names) => `  ${by}: ${names}: no effect ${where}; leave it out, or ${instead}.`,
    };
    group.names.push(`${name} (${JSON.stringify(value)})`);
    lines.set(key, group);
  }
  if (lines.size === 0) return;
  const shown = [...lines.values()].map(({ names, line }) => line(names.join(", ")));
  throw new UsageError(code, `What is asked for would have no effect:\n${shown.join("\n")}`);
}

/**
 * Refuses a schedule that was asked for and has nothing to change the rate by.
 *
 * @throws UsageError `train/no-effect`
 */
export function refuseFlat(asked: AskedValue | undefined, { schedule, drops, milestones }: Recipe): void {
  const lacks =
    schedule === "multistep" && milestones.length === 0
      ? "milestones, such as 0.5,0.75 of the run"
      : (schedule === "step" || schedule === "halving") && drops === 0
        ? "drops"
        : undefined;
  if (!asked || lacks === undefined) return;
  throw new UsageError(
    "train/no-effect",
    `What is asked for would have no effect:\n  ${asked.by}: schedule ("${schedule}"): no effect without drops of the rate; give ${lacks}, or take constant.`,
  );
}

const isOneOf = (value: unknown, off: readonly unknown[]): boolean =>
  off.some((one) => JSON.stringify(one) === JSON.stringify(value));
