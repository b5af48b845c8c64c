import { extname } from "node:path";
import { nodeStorageFor } from "../../node/files/file-storage.ts";
import { trainModel } from "../../node/training.ts";
import { recipeKeys } from "../../train/recipe/fields.ts";
import { autoRecipe, defaultRecipe } from "../../train/recipe/recipe.ts";
import { parseRecipe, type RecipeLayer } from "../../train/recipe/resolve-recipe.ts";
import type { LeftOutFiles } from "../../data/index.ts";
import type { TrainingEvent, TrainModelOptions } from "../../train/run/options.ts";
import { weightsNotices } from "../open-model.ts";
import type { Outcome } from "../options/command.ts";
import { givenValues } from "../options/field-option.ts";
import { readText } from "../options/input-output-options.ts";
import type { trainingOptions } from "../options/model-options.ts";
import { grouped } from "../output/numbers.ts";
import { hubNotices } from "../output/progress.ts";
import { printUnlessAborted, type Terminal } from "../output/terminal.ts";
import { failureSummary, leftOutLines, namedFailure, type NamedFailure } from "../output/closing-lines.ts";
import type { TrainOptions } from "./options.ts";
import { eventEntry, nextCommand, problemLines, stepProgress, trainingLines } from "./view.ts";
import { withRanks } from "./with-ranks.ts";

/** Trains a model on labelled images. */
export async function train(
  data: readonly string[],
  options: TrainOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const { val, unlabelled, out } = options;
  const recipe = await recipeLayers(options);
  return withRanks(options, terminal, async (ranks, shown) => {
    const events = trainModel({
      ...trainingOf(options, shown),
      engine: options.engine,
      precision: options.precision,
      data,
      validation: val,
      unlabelled,
      out,
      recipe,
      ranks,
    });
    const { isClassifier } = await showTraining(events, options, shown);
    if (!options.json)
      await shown.print([nextCommand(nodeStorageFor(out).join(out, "best.safetensors"), isClassifier)]);
    return "ok";
  });
}

/** Options of every command that trains a network. */
type CommonOptions = Pick<
  TrainOptions,
  | "resume"
  | "model"
  | "weights"
  | "key"
  | "ema"
  | "scratch"
  | "offline"
  | "imageColumn"
  | keyof typeof trainingOptions
> &
  Partial<Pick<TrainOptions, "labelColumn" | "labelsFile">>;

/** What they say to `trainModel`. */
export function trainingOf(
  options: CommonOptions,
  terminal: Terminal,
): Omit<TrainModelOptions, "data" | "out"> {
  const { resume, model, weights, key, ema, scratch, device, threads, workers } = options;
  return {
    resume,
    model,
    weights,
    key,
    ema,
    scratch,
    device,
    threads,
    workers,
    imageColumn: options.imageColumn,
    labelColumn: options.labelColumn,
    labelsFile: options.labelsFile,
    hub: { ...(options.offline ? { offline: "--offline" } : {}), onEvent: hubNotices(terminal) },
    onNotice: weightsNotices(terminal),
    signal: terminal.signal,
  };
}

/** Prints the events of a training, and draws its progress. @returns whether what came of it has classes */
export async function showTraining(
  events: AsyncIterable<TrainingEvent>,
  { json }: { readonly json: boolean },
  terminal: Terminal,
): Promise<{ readonly isClassifier: boolean }> {
  const lines = trainingLines(terminal.style);
  const progress = stepProgress(terminal);
  const skipped = new Map<string, NamedFailure>();
  let images = 0;
  let isClassifier = true;
  let leftOut: readonly LeftOutFiles[] = [];
  terminal.status(() => terminal.noticeStyle.dim("opening images and model …"));
  for await (const event of events) {
    progress(event);
    if (event.type === "started") {
      images = event.trainingImages + (event.validationImages ?? 0);
      isClassifier = event.classes.length > 0;
    }
    if (event.type === "left-out") ({ leftOut } = event);
    if (event.type === "problems") for (const line of problemLines(event)) terminal.notice(line);
    if (event.type === "skipped")
      skipped.set(event.id, namedFailure({ image: event.id, error: event.error }));
    if (event.type === "stopped") terminal.notice(howToGoOn(event));
    await printUnlessAborted(json ? [JSON.stringify(eventEntry(event))] : lines(event), terminal);
  }
  terminal.signal.throwIfAborted();
  terminal.clearStatus();
  for (const line of failureSummary([...skipped.values()], skipped.size, images)) terminal.notice(line);
  for (const line of leftOutLines(leftOut)) terminal.notice(line);
  return { isClassifier };
}

function howToGoOn({ step, path }: Extract<TrainingEvent, { type: "stopped" }>): string {
  return `stopped after step ${grouped(step)}; ${path} is saved. To go on, give the same command with --resume.`;
}

/** The recipe that a command line asks for: a named one or a file, and above it the flags. */
async function recipeLayers(options: TrainOptions): Promise<readonly RecipeLayer[]> {
  const flags: RecipeLayer = {
    name: "the command line",
    values: givenValues(options, recipeKeys),
  };
  return options.recipe === undefined ? [flags] : [await namedRecipe(options.recipe, options.mode), flags];
}

/** @param mode Of the command line, by which a file that names no base changes another recipe. */
async function namedRecipe(recipe: string, mode: TrainOptions["mode"]): Promise<RecipeLayer> {
  if (![".yaml", ".yml"].includes(extname(recipe).toLowerCase())) {
    return { name: "--recipe", values: { base: recipe } };
  }
  const { name, values } = parseRecipe(await readText(recipe), recipe);
  const base = (mode ?? values["mode"]) === "auto" ? autoRecipe : defaultRecipe;
  return { name, values: { base, ...values } };
}
