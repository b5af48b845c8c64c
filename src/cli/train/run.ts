import { extname } from "node:path";
import { trainModel } from "../../node/training.ts";
import { recipeKeys } from "../../train/recipe/fields.ts";
import { defaultRecipe } from "../../train/recipe/recipe.ts";
import { parseRecipe, type RecipeLayer } from "../../train/recipe/resolve-recipe.ts";
import type { TrainingEvent } from "../../train/run/options.ts";
import type { Outcome } from "../options/command.ts";
import { readText } from "../options/input-output-options.ts";
import { grouped } from "../output/numbers.ts";
import { hubNotices } from "../output/progress.ts";
import { failureSummary, type NamedFailure } from "../output/run-images.ts";
import { printUnlessAborted, type Terminal } from "../output/terminal.ts";
import type { TrainOptions } from "./options.ts";
import { eventEntry, eventLines, stepProgress } from "./view.ts";

/** Trains a model on labelled images. */
export async function train(
  data: readonly string[],
  options: TrainOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const { val, unlabelled, out, resume, model, weights, scratch, offline, device, threads, workers } =
    options;
  const events = trainModel({
    data,
    validation: val,
    unlabelled,
    out,
    resume,
    recipe: await recipeLayers(options),
    model,
    weights,
    scratch,
    device,
    threads,
    workers,
    imageColumn: options.imageColumn,
    labelColumn: options.labelColumn,
    decode: { exifOrientation: options.exif },
    hub: { ...(offline ? { offline } : {}), onEvent: hubNotices(terminal) },
    signal: terminal.signal,
  });
  return showTraining(events, options, terminal);
}

/** Prints the events of a training, and draws its progress. */
export async function showTraining(
  events: AsyncIterable<TrainingEvent>,
  options: { readonly json: boolean },
  terminal: Terminal,
): Promise<Outcome> {
  const progress = stepProgress(terminal);
  const skipped = new Map<string, NamedFailure>();
  let images = 0;
  terminal.status(() => terminal.noticeStyle.dim("opening images and model …"));
  for await (const event of events) {
    progress(event);
    if (event.type === "started") images = event.trainingImages;
    if (event.type === "skipped") skipped.set(event.id, { image: event.id, message: event.error.message });
    if (event.type === "stopped") terminal.notice(howToGoOn(event));
    await show(event, options, terminal);
  }
  terminal.signal.throwIfAborted();
  terminal.clearStatus();
  for (const line of failureSummary([...skipped.values()], skipped.size, images)) terminal.notice(line);
  return "ok";
}

/** Prints an event. */
async function show(
  event: TrainingEvent,
  { json }: { readonly json: boolean },
  terminal: Terminal,
): Promise<void> {
  const lines = json ? [JSON.stringify(eventEntry(event))] : eventLines(event, terminal.style);
  await printUnlessAborted(lines, terminal);
}

function howToGoOn({ step, path }: Extract<TrainingEvent, { type: "stopped" }>): string {
  return `stopped after step ${grouped(step)}; ${path} is saved. To go on, give the same command with --resume.`;
}

/** The recipe that a command line asks for: a named one or a file, and above it the flags. */
async function recipeLayers(options: TrainOptions): Promise<readonly RecipeLayer[]> {
  const flags: RecipeLayer = {
    name: "the command line",
    values: Object.fromEntries(
      recipeKeys.map((key) => [key, options[key]]).filter(([, value]) => value !== undefined),
    ),
  };
  return options.recipe === undefined ? [flags] : [await namedRecipe(options.recipe), flags];
}

async function namedRecipe(recipe: string): Promise<RecipeLayer> {
  if (![".yaml", ".yml"].includes(extname(recipe).toLowerCase())) {
    return { name: "--recipe", values: { base: recipe } };
  }
  const { name, values } = parseRecipe(await readText(recipe), recipe);
  return { name, values: { base: defaultRecipe, ...values } };
}
