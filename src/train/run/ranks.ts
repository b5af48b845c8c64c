import { UsageError, version } from "../../core/index.ts";
import { memoryStorage, writeBytes, type Storage } from "../../core/storage/index.ts";
import type { ModelDescription } from "../../nn/index.ts";
import type { TrainingPlatform } from "../platform.ts";
import { effectiveRecipe } from "../recipe/effects.ts";
import { recipeKeys, type Recipe } from "../recipe/fields.ts";
import { fromWire, toWire, type WireError } from "../../runtime/thread-calls.ts";
import type { StepOutcome } from "../trainer/train-epochs.ts";
import type { DataRecord } from "../trainer/training-record.ts";

/** This process as one of those that train a network together: what a cluster offers. */
export interface Ranks {
  /** Which of them this is, from 0; that one writes. */
  readonly rank: number;
  readonly size: number;
  /** How many of them share this host, and the cores that each of these may use. */
  readonly onHost: number;
  readonly cores: number;
  /** Ends the run; it is aborted on every rank in the same call of `sum` or `gather`. */
  readonly signal: AbortSignal;
  /** Sums each element over all ranks, in place. @throws the signal's reason, instead of summing */
  readonly sum: (values: Float32Array) => Promise<void>;
  /** The bytes of every rank, by rank; an abort does not keep it from that: what was done by then counts. */
  readonly gather: (bytes: Uint8Array) => Promise<readonly Uint8Array[]>;
}

/** The platform with a rank's share of the machine. */
export function shareOfPlatform(platform: TrainingPlatform, { onHost, cores }: Ranks): TrainingPlatform {
  const machine: TrainingPlatform["machine"] = () => ({
    cores,
    freeMemory: platform.machine().freeMemory / onHost,
  });
  return { ...platform, machine };
}

/** The images of a step of one rank. */
export const shareOfBatch = ({ batchSize }: Pick<Recipe, "batchSize">, ranks: Ranks | undefined): number =>
  batchSize / (ranks?.size ?? 1);

/**
 * Refuses what ranks cannot share.
 *
 * @throws UsageError `train/ranks` for mode `head`, which has no steps, and a batch that does not come out even.
 */
export function checkRanks({ mode, batchSize, microBatch }: Recipe, { size }: Ranks): void {
  if (mode === "head") {
    throw new UsageError(
      "train/ranks",
      `Mode head fits its classifier at once and has no steps that ${size} ranks could share: train it with one process.`,
    );
  }
  const unit = size * (microBatch ?? 1);
  if (batchSize % unit === 0) return;
  const micro = microBatch === null ? "" : ` with ${microBatch} images at once (microBatch)`;
  throw new UsageError(
    "train/ranks",
    `batchSize (${batchSize}): expected a multiple of ${unit}, to be shared evenly by ${size} ranks${micro}; the batch is that of all ranks together. ${batchSize < unit ? `Take ${unit}` : `Take ${batchSize - (batchSize % unit)} or ${batchSize - (batchSize % unit) + unit}`}, or another number of ranks.`,
  );
}

/** What has to be the same on every rank. */
export interface CommonGround {
  readonly recipe: Recipe;
  readonly data: DataRecord;
  readonly description: ModelDescription;
  readonly classes: readonly string[];
  /** Steps that the checkpoint has which the run goes on from; undefined without one. */
  readonly step: number | undefined;
}

/**
 * Makes sure that all ranks are about to do the same.
 *
 * @throws UsageError `train/ranks-differ`, on every rank, that names what differs
 */
export async function compareRanks(ranks: Ranks, ground: CommonGround): Promise<void> {
  const { recipe, data, description, classes, step } = ground;
  const values = effectiveRecipe(recipe);
  const { weights, model } = description.provenance;
  const facts = {
    "the version of ssl-resnext": version,
    ...Object.fromEntries(recipeKeys.map((key) => [key, values[key] ?? null])),
    "the network": description.config,
    "the weights that it starts from": [model, weights],
    "the classes": classes,
    "the number of training images": data.images,
    "the names, classes or order of the training images": data.hash,
    "the number of validation images": data.validationImages,
    "the step of the checkpoint": step ?? "none",
  };
  const all = await gatherJson<Readonly<Record<string, unknown>>>(ranks, facts);
  const [first] = all;
  const lines = all.flatMap((other, rank) =>
    Object.keys({ ...first, ...other }).flatMap((name) => {
      const [here, there] = [first![name], other[name]].map((value) => shown(value));
      return here === there ? [] : [`  ${name}: ${cut(here!)} on rank 0, ${cut(there!)} on rank ${rank}`];
    }),
  );
  if (lines.length === 0) return;
  const few = lines.slice(0, mostLines);
  throw new UsageError(
    "train/ranks-differ",
    `The ranks are not about to do the same:\n${few.join("\n")}${lines.length > few.length ? `\n  and ${lines.length - few.length} more` : ""}\nStart all of them with the same command and the same package, on the same images and files; the run's folder has to be where every rank can read it to go on.`,
  );
}

const [longest, mostLines] = [60, 20];
const shown = (value: unknown): string => JSON.stringify(value ?? null);
const cut = (text: string): string => (text.length > longest ? `${text.slice(0, longest)}…` : text);

/** A value of every rank, by rank. */
async function gatherJson<Value>(ranks: Ranks, value: Value): Promise<readonly Value[]> {
  const all = await ranks.gather(new TextEncoder().encode(JSON.stringify(value)));
  return all.map((bytes) => JSON.parse(new TextDecoder().decode(bytes)) as Value);
}

/** What all ranks together made of a step, on each of them. */
export async function gatherOutcome(
  ranks: Ranks,
  { loss, correct, skipped }: StepOutcome,
): Promise<StepOutcome> {
  const all = await gatherJson(ranks, {
    // JSON knows no other numbers than finite ones.
    loss: Number.isFinite(loss) ? loss : null,
    correct,
    skipped: skipped.map(({ id, error }): WireSkipped => ({ id, error: toWire(error, error.code) })),
  });
  return {
    loss: all.reduce((sum, one) => sum + (one.loss ?? Number.NaN), 0) / ranks.size,
    correct: all.reduce((sum, one) => sum + one.correct, 0),
    skipped: all.flatMap((one) => one.skipped.map(({ id, error }) => ({ id, error: fromWire(error) }))),
  };
}

interface WireSkipped {
  readonly id: string;
  readonly error: WireError;
}

/** The same files, but what is written is dropped: it is what rank 0 writes. */
export function withoutWrites(storage: Storage): Storage {
  const done = (): Promise<void> => Promise.resolve();
  return {
    ...storage,
    create: () => Promise.resolve({ write: done, commit: done, abort: done }),
    async grow(uri) {
      const memory = memoryStorage();
      await writeBytes(memory, "file", (await storage.stat(uri)) ? storage.stream(uri) : []);
      return memory.grow("file");
    },
    makeFolder: done,
    move: done,
    remove: done,
    lock: () => Promise.resolve(done),
    free: () => Promise.resolve(undefined),
  };
}
