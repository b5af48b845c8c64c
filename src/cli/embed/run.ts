import { printable, UsageError } from "../../core/index.ts";
import type { ImageSource } from "../../data/index.ts";
import { family, isGraphConfig, type Tap } from "../../nn/index.ts";
import { openImages } from "../../node/library.ts";
import type { Embedded, Failure, Featured, Model } from "../../predict/index.ts";
import { noticeUnturned, openModel, openSessions, weightsNotices } from "../open-model.ts";
import type { Outcome } from "../options/command.ts";
import type { OutputOptions } from "../options/input-output-options.ts";
import { partFile, partOf } from "../options/part.ts";
import { taps } from "../options/schemas.ts";
import { truncate, truncateStart } from "../output/table.ts";
import type { Style, Terminal } from "../output/terminal.ts";
import {
  failureEntry,
  failureLines,
  failureRow,
  outputFormat,
  runImages,
  writeAnswers,
  type AnswerShape,
  type ImageRun,
} from "../output/write-answers.ts";
import type { EmbeddedKeys, FeaturedKeys } from "./json.ts";
import type { EmbedOptions } from "./options.ts";

/** Embeds the images of the inputs, or reads a feature map of each. */
export async function embed(
  inputs: readonly string[],
  options: EmbedOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const { tap, normalize } = options;
  if (tap !== undefined && outputFormat(options) === "csv") {
    throw new UsageError("usage/format", "--tap: a feature map has no place in CSV; take jsonl or parquet.");
  }
  if (taps.some((layer) => layer === tap) && normalize !== undefined) {
    throw new UsageError(
      "usage/normalize",
      "--normalize: is for embeddings, and --tap asks for a feature map.",
    );
  }
  const part = partOf(options.part);
  const images = await openImages(inputs, { ...options, part, readLabels: false, signal: terminal.signal });
  const model = await openModel(options, terminal, { onNotice: weightsNotices(terminal, "averages") });
  try {
    const output = options.output && partFile(options.output, part);
    const outcome = await writeOutput(tap, model, images, { ...options, output }, terminal);
    noticeUnturned(options, model, terminal);
    return outcome;
  } finally {
    await model.release();
  }
}

async function writeOutput(
  tap: string | undefined,
  model: Model,
  images: ImageSource,
  options: OutputOptions & Pick<EmbedOptions, "normalize" | "verbose">,
  terminal: Terminal,
): Promise<Outcome> {
  const { signal } = terminal;
  const { normalize } = options;
  const { leftOut } = images;
  const run = { total: images.size, options: { ...options, leftOut }, terminal };
  // A network of weights has these; any other name is that of an output.
  const layer = isGraphConfig(model.description.config) ? undefined : taps.find((name) => name === tap);
  if (layer !== undefined) {
    await openSessions(model, [layer], images.size, options, terminal);
    return write(featuredShape(layer, terminal), model.featuresAll(images, [layer], { signal }), run);
  }
  await openSessions(
    model,
    [tap === undefined ? "embedding" : `output:${tap}`],
    images.size,
    options,
    terminal,
  );
  return write(
    embeddedShape(model, tap, terminal),
    model.embedAll(images, { normalize, output: tap, signal }),
    run,
  );
}

function write<Answer extends Embedded | Featured>(
  shape: AnswerShape<Answer | Failure>,
  answers: ImageRun<Answer>["answers"],
  {
    total,
    options,
    terminal,
  }: {
    readonly total: number | undefined;
    readonly options: OutputOptions & Pick<ImageSource, "leftOut">;
    readonly terminal: Terminal;
  },
): Promise<Outcome> {
  return writeAnswers(shape, options, terminal, (take) =>
    runImages<Answer>({ answers, total, take }, terminal),
  );
}

function embeddedShape(
  model: Model,
  output: string | undefined,
  terminal: Terminal,
): AnswerShape<Embedded | Failure> {
  const { config } = model.description;
  const usual = isGraphConfig(config) ? config.embeddingLength : family.embeddingLength(config);
  const length = output === undefined ? usual : undefined;
  return {
    entry: (answer) =>
      "error" in answer
        ? failureEntry(answer)
        : ({ image: answer.image, embedding: answer.embedding } satisfies Record<EmbeddedKeys, unknown>),
    array: (answer) =>
      "error" in answer ? undefined : { dims: [answer.embedding.length], data: answer.embedding },
    arrayDims: [length ?? 0],
    rows: (answer) => [
      "error" in answer ? failureRow(answer) : { image: answer.image, embedding: answer.embedding },
    ],
    columns: [
      { name: "image", type: "text" },
      length === undefined ? { name: "embedding", type: "float32[]" } : { name: "embedding", length },
      { name: "error", type: "text" },
    ],
    lines: (answer) =>
      "error" in answer
        ? failureLines(answer.image, answer.error.message, terminal)
        : vectorLines(answer.image, `${answer.embedding.length} values`, answer.embedding, terminal),
  };
}

function featuredShape(tap: Tap, terminal: Terminal): AnswerShape<Featured | Failure> {
  return {
    entry: (answer) => {
      if ("error" in answer) return failureEntry(answer);
      const { dims, data } = answer.features[tap]!;
      return { image: answer.image, tap, dims, features: data } satisfies Record<FeaturedKeys, unknown>;
    },
    array: (answer) => ("error" in answer ? undefined : answer.features[tap]),
    arrayDims: [0, 0, 0],
    rows: (answer) => {
      if ("error" in answer) return [failureRow(answer)];
      const { dims, data } = answer.features[tap]!;
      return [{ image: answer.image, tap, dims, features: data }];
    },
    columns: [
      { name: "image", type: "text" },
      { name: "tap", type: "text" },
      { name: "dims", type: "int32[]" },
      { name: "features", type: "float32[]" },
      { name: "error", type: "text" },
    ],
    lines: (answer) => {
      if ("error" in answer) return failureLines(answer.image, answer.error.message, terminal);
      const { dims, data } = answer.features[tap]!;
      return vectorLines(answer.image, `${tap}: ${dims.join("x")}`, data, terminal);
    },
  };
}

/** A vector for reading: what it is, its length in the sense of geometry, and how it begins. */
function vectorLines(
  image: string,
  what: string,
  values: Float32Array,
  { columns, style }: { readonly columns: number; readonly style: Style },
): string[] {
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  const start = Array.from(values.subarray(0, 8), (value) => value.toFixed(4)).join(" ");
  const line = `  ${what}, norm ${norm.toFixed(3)}: ${start}${values.length > 8 ? " …" : ""}`;
  return [style.bold(truncateStart(printable(image), columns)), truncate(line, columns)];
}
