import { printable, UsageError } from "../../core/index.ts";
import type { ImageSource } from "../../data/index.ts";
import { family, isGraphConfig, type Tap } from "../../nn/index.ts";
import type { Embedded, Failure, Featured, Model } from "../../predict/index.ts";
import { noticeUnturned, openModel, openSessions, weightsNotices } from "../open-model.ts";
import type { Outcome } from "../options/command.ts";
import { partFile } from "../options/part.ts";
import { taps } from "../options/schemas.ts";
import { truncate, truncateStart } from "../output/table.ts";
import type { Style, Terminal } from "../output/terminal.ts";
import {
  checkOutput,
  failureEntry,
  failureLines,
  failureRow,
  outputFormat,
  runImages,
  writeAnswers,
  type AnswerShape,
  type ImageCounts,
  type ImageRun,
} from "../output/write-answers.ts";
import type { AnswerCommand } from "../queue/answer-command.ts";
import { answerImages } from "../queue/answer-images.ts";
import type { EmbeddedKeys, FeaturedKeys } from "./json.ts";
import type { EmbedOptions } from "./options.ts";

/** Embeds images, or reads a feature map of each. */
export const embedder: AnswerCommand<EmbedOptions> = {
  name: "embed",
  async check(options) {
    checkOptions(options);
    checkOutput(options, true);
  },
  async open(options, terminal) {
    const model = await openModel(options, terminal, { onNotice: weightsNotices(terminal, "averages") });
    return {
      async answer(images, part, own, onImage) {
        const output = options.output && partFile(options.output, part);
        const counts = await writeOutput(model, images, { ...options, output }, own, onImage);
        noticeUnturned(options, model, own);
        return counts;
      },
      [Symbol.asyncDispose]: () => model.release(),
    };
  },
};

/** @throws UsageError for options that do not go together */
function checkOptions(options: EmbedOptions): void {
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
}

/** Embeds the images of the inputs, or reads a feature map of each. */
export const embed = (
  inputs: readonly string[],
  options: EmbedOptions,
  terminal: Terminal,
): Promise<Outcome> => answerImages(embedder, inputs, options, terminal);

async function writeOutput(
  model: Model,
  images: ImageSource,
  options: EmbedOptions,
  terminal: Terminal,
  onImage: (() => void) | undefined,
): Promise<ImageCounts> {
  const { signal } = terminal;
  const { tap, normalize } = options;
  // A network of weights has these; any other name is that of an output.
  const layer = isGraphConfig(model.description.config) ? undefined : taps.find((name) => name === tap);
  await openSessions(
    model,
    [layer ?? (tap === undefined ? "embedding" : `output:${tap}`)],
    images.size,
    options,
    terminal,
  );
  const output = { ...options, leftOut: images.leftOut };
  const write = <Answer extends Embedded | Featured>(
    shape: AnswerShape<Answer | Failure>,
    answers: ImageRun<Answer>["answers"],
  ): Promise<ImageCounts> =>
    writeAnswers(shape, output, terminal, (take) =>
      runImages<Answer>({ answers, total: images.size, take, onImage }, terminal),
    );
  return layer === undefined
    ? write(embeddedShape(model, tap, terminal), model.embedAll(images, { normalize, output: tap, signal }))
    : write(featuredShape(layer, terminal), model.featuresAll(images, [layer], { signal }));
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
