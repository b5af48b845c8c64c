import { openImages } from "../../node/images/index.ts";
import type { Classified, Failure } from "../../predict/index.ts";
import { defineCommand, type LoadedCommand } from "../command.ts";
import { readLabels } from "../labels.ts";
import { announcePlan, openModel } from "../open-model.ts";
import { failureEntry, failureRow } from "../failure-entry.ts";
import { imageOperand, inputOptions, type InputOptions } from "../options/input-options.ts";
import { modelOptions, runOptions, type ModelOptions, type RunOptions } from "../options/model-options.ts";
import { outputOptions, type OutputOptions } from "../options/output-options.ts";
import { flag, integer, text } from "../options/schemas.ts";
import { failureLines, predictionLines } from "../output/predictions.ts";
import { openAnswerOutput, type AnswerShape } from "../result-output.ts";
import { runImages } from "../run-images.ts";
import type { Terminal } from "../terminal.ts";

interface ClassifyOptions extends ModelOptions, RunOptions, InputOptions, OutputOptions {
  readonly topk: number;
  readonly logits: boolean;
  readonly labels: string | undefined;
}

/** `classify`: the best classes of each image. */
export const classifyCommand: LoadedCommand = defineCommand<ClassifyOptions>({
  operands: { "<images...>": imageOperand },
  options: {
    topk: { flags: "-k, --topk <count>", about: "classes to give per image", schema: integer(1).default(5) },
    logits: { flags: "--logits", about: "give the logits too", schema: flag },
    labels: {
      flags: "--labels <file>",
      about: "class names, one a line, in the order of the model's outputs",
      schema: text.optional(),
    },
    ...outputOptions,
    ...inputOptions,
    ...modelOptions,
    ...runOptions,
  },
  examples: [
    ["classify dog.jpg", "the five best classes"],
    ["classify photos/ -o classes.csv", "a folder, as a table"],
    ["classify 'shards/{000..099}.tar' --json | jq .", "tar shards, as JSON Lines"],
    ["classify dog.jpg --weights my.safetensors", "a model of your own"],
  ],
  async run(inputs, options, terminal) {
    const classes = options.labels === undefined ? undefined : await readLabels(options.labels);
    const [model, images] = await Promise.all([
      openModel(options, terminal, {
        decode: { exifOrientation: options.exif },
        ...(classes ? { classes } : {}),
      }),
      openImages(inputs, { ...options, signal: terminal.signal }),
    ]);
    try {
      await announcePlan(model, ["logits"], images.size, terminal);
      const output = await openAnswerOutput(classifiedShape(options, terminal), options, terminal);
      try {
        const { topk } = options;
        const answers = model.classifyAll(images, { topk, signal: terminal.signal });
        return await runImages({ answers, total: images.size, take: output.take }, terminal);
      } finally {
        await output.close();
      }
    } finally {
      await model.release();
    }
  },
});

function classifiedShape(
  { logits }: ClassifyOptions,
  { columns, style }: Terminal,
): AnswerShape<Classified | Failure> {
  const numbers = ({ probability, logit }: { probability: number; logit: number }): object =>
    logits ? { probability, logit } : { probability };
  const names = ["image", "rank", "index", "label", "probability", ...(logits ? ["logit"] : []), "error"];
  return {
    entry: (answer) =>
      "error" in answer
        ? failureEntry(answer)
        : {
            image: answer.image,
            predictions: answer.predictions.map((prediction) => ({
              index: prediction.index,
              label: prediction.label,
              ...numbers(prediction),
            })),
          },
    rows: (answer) =>
      "error" in answer
        ? [failureRow(answer)]
        : answer.predictions.map((prediction, at) => ({
            image: answer.image,
            rank: at + 1,
            index: prediction.index,
            label: prediction.label,
            ...numbers(prediction),
          })),
    columns: { csv: names, parquet: names },
    lines: (answer) => {
      if ("error" in answer) return failureLines(answer.image, answer.error.message, { columns, style });
      const ranked = answer.predictions.map(({ label, probability, logit }) => ({
        label,
        share: probability,
        ...(logits ? { figure: logit.toFixed(4) } : {}),
      }));
      return predictionLines(answer.image, ranked, { columns, style });
    },
  };
}
