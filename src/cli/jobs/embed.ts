import { UsageError } from "../../core/index.ts";
import { embeddingLength, type Tap } from "../../nn/index.ts";
import { openImages } from "../../node/images/index.ts";
import type { Embedded, Failure, Featured, Model } from "../../predict/index.ts";
import type { Outcome } from "../command.ts";
import type { EmbedOptions } from "../commands/embed.ts";
import { failureEntry, failureRow } from "../failure-entry.ts";
import { announcePlan, openModel } from "../open-model.ts";
import type { OutputOptions } from "../options/output-options.ts";
import { outputFormat } from "../output-format.ts";
import { failureLines } from "../output/predictions.ts";
import { vectorLines } from "../output/vector-lines.ts";
import { writeAnswers, type AnswerShape } from "../result-output.ts";
import { runImages, type ImageRun } from "../run-images.ts";
import type { Terminal } from "../terminal.ts";

/** Embeds the images of the inputs, or reads a feature map of each. */
export async function embed(
  inputs: readonly string[],
  options: EmbedOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const { tap } = options;
  if (tap !== undefined && outputFormat(options) === "csv") {
    throw new UsageError("usage/format", "--tap: a feature map has no place in CSV; take jsonl or parquet.");
  }
  const images = await openImages(inputs, { ...options, signal: terminal.signal });
  const model = await openModel(options, terminal, { decode: { exifOrientation: options.exif } });
  const { signal } = terminal;
  const run = { total: images.size, options, terminal };
  try {
    await announcePlan(model, [tap ?? "embedding"], images.size, terminal);
    return tap === undefined
      ? await write(embeddedShape(model, terminal), model.embedAll(images, { signal }), run)
      : await write(featuredShape(tap, terminal), model.featuresAll(images, [tap], { signal }), run);
  } finally {
    await model.release();
  }
}

function write<Answer extends Embedded | Featured>(
  shape: AnswerShape<Answer | Failure>,
  answers: ImageRun<Answer>["answers"],
  {
    total,
    options,
    terminal,
  }: { readonly total: number | undefined; readonly options: OutputOptions; readonly terminal: Terminal },
): Promise<Outcome> {
  return writeAnswers(shape, options, terminal, (take) =>
    runImages<Answer>({ answers, total, take }, terminal),
  );
}

function embeddedShape(model: Model, terminal: Terminal): AnswerShape<Embedded | Failure> {
  const length = embeddingLength(model.description.config);
  return {
    entry: (answer) =>
      "error" in answer ? failureEntry(answer) : { image: answer.image, embedding: answer.embedding },
    rows: (answer) => [
      "error" in answer ? failureRow(answer) : { image: answer.image, embedding: answer.embedding },
    ],
    columns: [
      { name: "image", type: "text" },
      { name: "embedding", length },
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
      return { image: answer.image, tap, dims, features: data };
    },
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
