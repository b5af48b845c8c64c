import { openImages } from "../../node/images/index.ts";
import { shortestFloat } from "../../node/output/json-text.ts";
import type { Classified, Failure, Model } from "../../predict/index.ts";
import type { Outcome } from "../command.ts";
import type { ClassifyOptions } from "../commands/classify.ts";
import { failureEntry, failureRow } from "../failure-entry.ts";
import { readLabels } from "../labels.ts";
import { announcePlan, openModel } from "../open-model.ts";
import { failureLines, predictionLines } from "../output/predictions.ts";
import { textWidth } from "../output/text-width.ts";
import { writeAnswers, type AnswerShape } from "../result-output.ts";
import { runImages } from "../run-images.ts";
import type { Terminal } from "../terminal.ts";

/** Classifies the images of the inputs. */
export async function classify(
  inputs: readonly string[],
  options: ClassifyOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const classes = options.labels === undefined ? undefined : await readLabels(options.labels);
  const images = await openImages(inputs, { ...options, signal: terminal.signal });
  const model = await openModel(options, terminal, {
    decode: { exifOrientation: options.exif },
    ...(classes ? { classes } : {}),
  });
  try {
    await announcePlan(model, ["logits"], images.size, terminal);
    return await writeAnswers(classifiedShape(model, options, terminal), options, terminal, (take) => {
      const { topk } = options;
      const answers = model.classifyAll(images, { topk, signal: terminal.signal });
      return runImages({ answers, total: images.size, take }, terminal);
    });
  } finally {
    await model.release();
  }
}

function classifiedShape(
  model: Model,
  { logits }: ClassifyOptions,
  { columns, style }: Terminal,
): AnswerShape<Classified | Failure> {
  const widest = Math.max(...model.classes.map(textWidth));
  const numbers = ({ probability, logit }: { probability: number; logit: number }): object => ({
    probability: shortestFloat(probability),
    ...(logits ? { logit: shortestFloat(logit) } : {}),
  });
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
    columns: [
      { name: "image", type: "text" },
      { name: "rank", type: "int32" },
      { name: "index", type: "int32" },
      { name: "label", type: "text" },
      { name: "probability", type: "float64" },
      ...(logits ? [{ name: "logit", type: "float64" } as const] : []),
      { name: "error", type: "text" },
    ],
    lines: (answer) => {
      if ("error" in answer) return failureLines(answer.image, answer.error.message, { columns, style });
      const ranked = answer.predictions.map(({ label, probability, logit }) => ({
        label,
        share: probability,
        ...(logits ? { figure: logit.toFixed(4) } : {}),
      }));
      return predictionLines(answer.image, ranked, { columns, style, widest });
    },
  };
}
