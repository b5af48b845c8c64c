import * as z from "zod";
import { shellWord, TrainingError } from "../../core/index.ts";
import type { ModelConfig, ModelDescription } from "../../nn/index.ts";
import { effectiveRecipe } from "../recipe/effects.ts";
import { recipeKeys, type Recipe } from "../recipe/fields.ts";
import { resolveRecipe } from "../recipe/resolve-recipe.ts";
import { positionSchema, type TrainingPosition } from "./plan.ts";

/** The images of a run, in the least that tells them from others. */
export interface DataRecord {
  readonly images: number;
  /** Hash of their names and classes, in order. */
  readonly hash: string;
  readonly validationImages: number | null;
}

/** What a checkpoint says of the run that it belongs to. */
export interface TrainingRecord {
  readonly recipe: Recipe;
  readonly data: DataRecord;
  readonly position: TrainingPosition;
  /** Bytes of the history that belong to the position. */
  readonly historyBytes: number;
}

/** The metadata entry of a safetensors file that holds the record, as JSON. */
const key = "ssl-resnext-training";
const version = 1;

const count = z.int().min(0);
const schema = z.strictObject({
  version: z.literal(version),
  recipe: z.record(z.string(), z.unknown()),
  data: z.strictObject({ images: count, hash: z.string(), validationImages: count.nullable() }),
  position: positionSchema,
  historyBytes: count,
});

/** Metadata for a checkpoint from which training goes on. */
export function encodeTrainingRecord(record: TrainingRecord): Readonly<Record<string, string>> {
  return { [key]: JSON.stringify({ version, ...record, recipe: effectiveRecipe(record.recipe) }) };
}

/**
 * Reads what a checkpoint says of its run.
 *
 * @throws TrainingError `train/no-checkpoint` when it is not one that training goes on from.
 */
export function decodeTrainingRecord(
  metadata: Readonly<Record<string, string>>,
  file: string,
): TrainingRecord {
  const text = metadata[key];
  if (text === undefined) {
    throw new TrainingError(
      "train/no-checkpoint",
      `${file}: holds weights without the state of a training; give it as --weights to begin a new one.`,
    );
  }
  try {
    const { recipe, data, position, historyBytes } = schema.parse(JSON.parse(text));
    // Earlier versions kept it in no file, and turned images only where each command said so.
    const layer = { name: file, values: { exif: false, ...recipe } };
    return { recipe: resolveRecipe([layer], { idle: "kept" }), data, position, historyBytes };
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new TrainingError(
      "train/no-checkpoint",
      `${file}: its metadata "${key}" is not that of a training of this version: ${reason}`,
      { cause },
    );
  }
}

/** What has to be the same for a run to go on. */
export interface RunIdentity {
  readonly recipe: Recipe;
  readonly data: DataRecord;
  readonly config: ModelConfig;
  readonly classes: ModelDescription["classes"];
}

/** Values that decide when something is saved, and nothing else. */
const free: ReadonlySet<keyof Recipe> = new Set(["saveMinutes", "checkpointEvery"]);

/**
 * Makes sure that a run goes on as it began.
 *
 * @param saved What the checkpoint says; `asked` is what the run is asked for now.
 * @throws TrainingError `train/other-run` that lists what differs.
 */
export function checkResume(saved: RunIdentity, asked: RunIdentity, checkpoint: string): void {
  const [was, is] = [effectiveRecipe(saved.recipe), effectiveRecipe(asked.recipe)];
  const differences = [
    ...recipeKeys.filter((name) => !free.has(name)).flatMap((name) => difference(name, was[name], is[name])),
    ...difference("the network", saved.config, asked.config),
    ...difference("the classes", saved.classes, asked.classes),
    ...difference("the number of training images", saved.data.images, asked.data.images),
    ...difference(
      "the number of validation images",
      saved.data.validationImages,
      asked.data.validationImages,
    ),
    ...(saved.data.images === asked.data.images && saved.data.hash !== asked.data.hash
      ? ["the training images have other names or classes, or come in another order"]
      : []),
  ];
  if (differences.length === 0) return;
  const again =
    asked.recipe.mode === "adapt"
      ? `adapt IMAGES -w ${shellWord(checkpoint)} -o OTHER.safetensors`
      : `train DATA -w ${shellWord(checkpoint)} -o OTHER`;
  throw new TrainingError(
    "train/other-run",
    `${checkpoint} is of another run:\n${differences.map((line) => `  ${line}`).join("\n")}\nResume with what the run began with. To go on with other values, begin a new run from its weights: ${again}`,
  );
}

const longest = 60;

function difference(name: string, saved: unknown, asked: unknown): string[] {
  const [was, is] = [saved, asked].map((value) => JSON.stringify(value) as string | undefined);
  if (was === is) return [];
  const cut = (text: string): string => (text.length > longest ? `${text.slice(0, longest)}…` : text);
  return [`${name}: ${cut(was ?? "unset")} when it began, ${cut(is ?? "unset")} now`];
}
