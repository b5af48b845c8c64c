import { z } from "zod";
import { TrainingError } from "../../core/index.ts";
import { resolveRecipe, type Recipe } from "../recipe/index.ts";
import { positionSchema, type TrainingPosition } from "./position.ts";

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
  return { [key]: JSON.stringify({ version, ...record }) };
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
    return { recipe: resolveRecipe([{ name: file, values: recipe }]), data, position, historyBytes };
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new TrainingError(
      "train/no-checkpoint",
      `${file}: its metadata "${key}" is not that of a training of this version: ${reason}`,
      { cause },
    );
  }
}
