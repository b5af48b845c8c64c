import { DataError } from "../../core/index.ts";
import { readText, writeText } from "../../core/storage/index.ts";
import type { ImageSource } from "../../data/index.ts";
import { fitBatch, planOver, trainModel, type RecipeName } from "../../train/index.ts";
import type { SemiContext } from "../context.ts";
import { textHash } from "../fingerprints.ts";
import { startOptions } from "../stages/training.ts";
import type { TrainingSettings } from "./stage.ts";

/** What was measured before, by what it depends on. */
const keptName = ".measured.json";

/** What was measured before for this key, or else what measuring gives, which is kept. */
export async function kept<Value>(
  { storage, path, platform }: SemiContext,
  of: unknown,
  measure: () => Promise<Value>,
): Promise<Value> {
  const key = await textHash(platform, JSON.stringify(of));
  const known = parsed(await readText(storage, path(keptName)).catch(() => "{}"));
  if (key in known) return known[key] as Value;
  const value = await measure();
  await writeText(storage, path(keptName), JSON.stringify({ ...known, [key]: value }));
  return value;
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** Steps that are timed, after one that opens what is needed. */
const timed = 3;
/** A step that takes longer is timed alone. */
const longStep = 10;

/**
 * About how long a training takes on this machine, in seconds, by real steps that it takes on images of the run.
 *
 * @param base The recipe that the training's follows.
 * @param of What else than the machine the length depends on.
 */
export function secondsOfTraining(
  context: SemiContext,
  base: RecipeName,
  { start, recipe }: TrainingSettings,
  images: () => Promise<ImageSource>,
  of: unknown,
): Promise<number> {
  const { platform, execution } = context;
  const { device, threads = null } = execution;
  return kept(context, [of, start, recipe, device, threads, platform.machineFacts(device)], async () => {
    const source = await images();
    const total = source.size ?? (await countOf(source));
    const fitted = fitBatch(recipe, Math.max(1, total));
    const { steps } = planOver(fitted, total);
    return steps * (await secondsOfStep(context, { start, recipe: { ...fitted, base } }, source));
  });
}

async function countOf(images: ImageSource): Promise<number> {
  let count = 0;
  for await (const _ of images) count++;
  return count;
}

/** Takes real steps, in a folder of their own that goes again. */
async function secondsOfStep(
  context: SemiContext,
  { start, recipe }: TrainingSettings & { readonly recipe: { readonly base: RecipeName } },
  images: ImageSource,
): Promise<number> {
  const { batchSize } = recipe;
  const { platform, storage, path, execution, signal } = context;
  const { device, threads, workers } = execution;
  const out = path(".timed-training");
  // What a killed process left.
  await storage.remove(out);
  const wanted = (1 + timed) * batchSize;
  let seconds = 0;
  try {
    const events = trainModel(platform, {
      data: { name: "images of the run", images },
      ...startOptions(context, start),
      out,
      recipe: [{ name: "the cost", values: { ...recipe, epochs: null, images: wanted } }],
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
  throw new DataError("data/no-images", "There are too few images to time a step of the training on.");
}
