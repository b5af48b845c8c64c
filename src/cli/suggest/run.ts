import { join } from "node:path";
import { DataError, printable, shellWord, UsageError } from "../../core/index.ts";
import { isGraphConfig } from "../../nn/index.ts";
import { engineFile, readEngine, type AskedEngine } from "../../train/run/run-engine.ts";
import { folderOnDisk, nodeStorageFor } from "../../node/files/file-storage.ts";
import { openImages, openModel } from "../../node/library.ts";
import { nodeSemiPlatform, suggestImages } from "../../node/semi.ts";
import { contactSheet } from "../../semi/suggest/contact-sheet.ts";
import type { Suggestions } from "../../semi/suggest/suggest-images.ts";
import { parseSettings } from "../../semi/settings/resolve-settings.ts";
import type { SemiSettings } from "../../semi/settings/settings.ts";
import type { HeadEvent } from "../../train/index.ts";
import { asPath, modelName, modelSettings, weightsNotices } from "../open-model.ts";
import { optionWords, type Outcome } from "../options/command.ts";
import { readText } from "../options/input-output-options.ts";
import { plural } from "../output/numbers.ts";
import { imageProgress } from "../output/progress.ts";
import type { Terminal } from "../output/terminal.ts";
import { failureSummary, leftOutLines, namedFailure } from "../output/closing-lines.ts";
import { failureEntry } from "../output/write-answers.ts";
import type { SuggestOptions } from "./options.ts";
import { suggestionEntry, suggestionLines } from "./view.ts";
import {
  foldersFor,
  pageName,
  refuseContent,
  tableName,
  unusedName,
  writeSuggestions,
} from "./write-folder.ts";

/** Finds the unlabelled images whose labels help most, and writes a folder to sort them in. */
export async function suggest(
  _: readonly string[],
  options: SuggestOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const { signal } = terminal;
  const { count, pool, seed, json } = options;
  const out = folderOnDisk(options.out);
  await refuseContent(out);
  const data = await dataOf(options);
  const { labelsFile, imageColumn, labelColumn } = data;
  const labelled = await openImages(data.labelled, { labelsFile, imageColumn, labelColumn, signal });
  // With a table of labels it is a column of that.
  const ofImages = labelsFile === undefined ? { imageColumn } : {};
  const unlabelled = await openImages(data.unlabelled, { ...ofImages, readLabels: false, signal });
  const model = await openNetwork(options, terminal);

  const skipped: Extract<HeadEvent, { type: "skipped" }>[] = [];
  const events = suggestImages(model, {
    labelled,
    unlabelled,
    count,
    poolImages: pool,
    seed,
    ...(await engineFor(options)),
    device: options.device,
    plan: {
      ...(options.workers === undefined ? {} : { workers: options.workers }),
      ...(options.threads === undefined ? {} : { threadsPerWorker: options.threads }),
    },
    onProgress: embedProgress(terminal),
    signal,
  });
  let next = await events.next();
  for (; !next.done; next = await events.next()) if (next.value.type === "skipped") skipped.push(next.value);
  terminal.clearStatus();
  const found = next.value;

  const steps = stepsAfter(found, data, options);
  const { exifOrientation } = model.description.preprocessing;
  const placed = await writeSuggestions(out, found.suggestions, {
    classes: found.classes,
    signal,
    page: async (all) =>
      contactSheet({
        model: model.description.name,
        ranOn: found,
        counts: found.counts,
        steps,
        images: await Promise.all(
          all.map(async ({ image, file, classes, belongs }) => ({
            name: file,
            id: image.id,
            thumbnail: await nodeSemiPlatform.thumbnail(image, { exifOrientation }),
            classes,
            belongs,
          })),
        ),
      }),
  });
  const failures = skipped.map(({ id, error }) => ({ image: id, error }));
  await terminal.print(
    json
      ? [...placed.map((one) => suggestionEntry(one, found)), ...failures.map(failureEntry)].map((line) =>
          JSON.stringify(line),
        )
      : [
          ...suggestionLines(placed, terminal.columns, terminal.style),
          "",
          `${plural(placed.length, "image")} of ${plural(found.counts.unlabelled, "unlabelled image")}: ${printable(join(out, pageName))} shows them`,
          ...steps.flatMap(({ text, command }) => [text, ...(command === undefined ? [] : [`  ${command}`])]),
        ].map(printable),
  );
  const looked = found.counts.labelled + found.counts.none + found.counts.unlabelled;
  const messages = failures.map(namedFailure);
  for (const line of failureSummary(messages, messages.length, looked + messages.length))
    terminal.notice(line);
  for (const line of leftOutLines(labelled.leftOut)) terminal.notice(line);
  return "ok";
}

/** Which images, and how they are read. */
interface Data {
  readonly labelled: readonly string[];
  readonly unlabelled: readonly string[];
  readonly labelsFile: string | undefined;
  readonly imageColumn: string | undefined;
  readonly labelColumn: string | undefined;
  /** The settings of the run whose labelled images they are. */
  readonly settings: string | undefined;
  /** Options of what goes on from them. */
  readonly words: readonly string[];
}

/** What is given, and else what the run that the model comes from was given. @throws UsageError `usage/invalid-option` */
async function dataOf({ labelled, unlabelled, model, ...options }: SuggestOptions): Promise<Data> {
  const run = await settingsOf(model);
  const whole = {
    labelled: labelled ?? run.labelled,
    unlabelled: unlabelled ?? run.unlabelled,
  };
  for (const name of ["labelled", "unlabelled"] as const) {
    if (whole[name] !== undefined && whole[name].length > 0) continue;
    throw new UsageError(
      "usage/invalid-option",
      `--${name} is required, as --model ${model} is no folder of a run of semi, which knows its images.`,
    );
  }
  // A table goes with the labelled images that it was given with.
  const ofRun = labelled === undefined ? run : {};
  const { imageColumn, labelColumn } = options;
  const images = {
    labelled: whole.labelled!,
    unlabelled: whole.unlabelled!,
    labelsFile: options.labelsFile ?? ofRun.labelsFile ?? undefined,
    imageColumn: imageColumn ?? ofRun.imageColumn ?? undefined,
    labelColumn: labelColumn ?? ofRun.labelColumn ?? undefined,
  };
  if (labelled === undefined)
    return { ...images, settings: settingsFile(model), words: optionWords({ "--unlabelled": unlabelled }) };
  const start = run.teacher ?? model;
  const words = optionWords({
    "--image-column": imageColumn,
    "--label-column": labelColumn,
    "--key": options.key ?? run.key ?? undefined,
    "--ema": options.ema || run.ema ? "true" : undefined,
    "--unlabelled": images.unlabelled,
    "-m": (await isThere(start)) ? asPath(start) : start,
  });
  return { ...images, settings: undefined, words };
}

/** Whether something stands at a path, or at a name below it; what looks like one may be the name of a model. */
async function isThere(path: string, name?: string): Promise<boolean> {
  try {
    const storage = nodeStorageFor(path);
    return (await storage.stat(name === undefined ? path : storage.join(path, name))) !== undefined;
  } catch (error) {
    // No storage has names such as "hf-hub:timm/resnet50.a1_in1k", and nothing stands below a file.
    if (error instanceof DataError && ["data/scheme", "data/not-found"].includes(error.code)) return false;
    throw error;
  }
}

const settingsName = "semi.yaml";

/** Path of the settings of a run. */
const settingsFile = (run: string): string => nodeStorageFor(run).join(run, settingsName);

async function settingsOf(model: string): Promise<Partial<SemiSettings>> {
  if (!(await isThere(model, settingsName))) return {};
  return parseSettings(await readText(settingsFile(model)), settingsFile(model)).values;
}

/** What is asked for, or what the run began with that the model comes from: its embeddings are kept under that. */
async function engineFor({ model, engine, precision }: SuggestOptions): Promise<AskedEngine> {
  const isRun = await isThere(model, engineFile);
  const run = isRun ? await readEngine({ storage: nodeStorageFor(model), path: model }) : undefined;
  // The precision of another engine is not asked for.
  const isOfRun = engine === undefined || engine === run?.engine;
  return { engine: engine ?? run?.engine, precision: precision ?? (isOfRun ? run?.precision : undefined) };
}

/** @throws UsageError `usage/model` for an ONNX file, whose embeddings are not kept */
async function openNetwork(
  options: SuggestOptions,
  terminal: Terminal,
): Promise<Awaited<ReturnType<typeof openModel>>> {
  const { model: asked, key, ema, offline } = options;
  const source = (await isThere(asked))
    ? { model: undefined, weights: asked }
    : { model: asked, weights: undefined };
  const given = { ...noPreprocessing, ...source, key, ema, offline };
  const model = await openModel(modelName(given), {
    ...modelSettings(given, terminal),
    onNotice: weightsNotices(terminal, "averages"),
  });
  if (!isGraphConfig(model.description.config)) return model;
  throw new UsageError(
    "usage/model",
    `--model ${asked}: expected a model's name, a .pth or .safetensors file, or the folder of a run; an ONNX file cannot be embedded with here.`,
  );
}

const noPreprocessing = {
  inputSize: undefined,
  cropPct: undefined,
  interpolation: undefined,
  mean: undefined,
  std: undefined,
  exif: undefined,
};

/** Draws how far the embedding is, of the labelled and then of the unlabelled images. */
function embedProgress(
  terminal: Terminal,
): (progress: { readonly done: number; readonly total: number | undefined }) => void {
  let draw = imageProgress(undefined, terminal);
  let before = Infinity;
  return ({ done, total }) => {
    if (done < before) draw = imageProgress(total, terminal);
    before = done;
    draw(done, 0);
  };
}

/** What a person does with the folder. */
function stepsAfter(
  { classes }: Suggestions,
  { labelled, labelsFile, settings, words }: Data,
  { out, labelsFile: given }: SuggestOptions,
): readonly { readonly text: string; readonly command?: string }[] {
  const [table, folders] = [join(out, tableName), foldersFor(classes)];
  const others = classes.filter((name) => !folders.includes(name));
  const run = ["ssl-resnext", "semi", "run", ...(settings === undefined ? [] : [settings])];
  const command = (own: readonly string[]): string =>
    [...run, "--labelled", ...labelled, out, ...own, ...words, "-o", unusedName("run-2")]
      .map(shellWord)
      .join(" ");
  // The settings have the table of the run.
  const own = settings === undefined ? labelsFile : given;
  const byTable = {
    text: `Or write the classes, or none, into the column label of ${table}, and train with that:`,
    command: command(["--labels-file", table]),
  };
  return [
    {
      text: `1. Move each image of ${out} into the folder of its class there, or into none if it shows none of them${others.length === 0 ? "" : ` (${others.join(", ")} cannot name a folder: take the table)`}. What stays where it is has no label.`,
    },
    {
      text: "2. Train with them:",
      command: command(own === undefined ? [] : ["--labels-file", own]),
    },
    // One table names the labels of all images.
    ...(labelsFile === undefined ? [byTable] : []),
  ];
}
