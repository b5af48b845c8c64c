import { printable, UsageError } from "../../core/index.ts";
import type { ImageSource } from "../../data/index.ts";
import { shortestFloat } from "../../node/output/text-encoders.ts";
import type { Classified, Computation, Failure, Model } from "../../predict/index.ts";
import { noticeUnturned, openModel, openSessions } from "../open-model.ts";
import type { Outcome } from "../options/command.ts";
import { readLabels } from "../options/input-output-options.ts";
import { partFile, partFolder } from "../options/part.ts";
import type { FailureJson } from "../output/json.ts";
import { percent, plural } from "../output/numbers.ts";
import { textWidth } from "../output/table.ts";
import type { Terminal } from "../output/terminal.ts";
import {
  checkOutput,
  failureEntry,
  failureLines,
  failureRow,
  outputFormat,
  predictionLines,
  runImages,
  writeAnswers,
  type AnswerShape,
} from "../output/write-answers.ts";
import type { AnswerCommand } from "../queue/answer-command.ts";
import { answerImages } from "../queue/answer-images.ts";
import { classToExplain, drawExplanations, type Drawn } from "./explain.ts";
import type { ClassifiedJson } from "./json.ts";
import type { ClassifyOptions } from "./options.ts";

/** Classifies images, and draws where it sees the classes if asked. */
export const classifier: AnswerCommand<ClassifyOptions> = {
  name: "classify",
  async check(options) {
    checkExplainOptions(options);
    checkOutput(options, false);
    if (options.labels !== undefined) await readLabels(options.labels);
  },
  async open(given, terminal) {
    const classes = given.labels === undefined ? undefined : await readLabels(given.labels);
    const model = await openModel(given, terminal, classes ? { classes } : {});
    const { explainClass } = given;
    const classIndex = explainClass === undefined ? undefined : classToExplain(explainClass, model);
    return {
      async answer(images, part, own, onImage) {
        const options = {
          ...given,
          classIndex,
          output: given.output && partFile(given.output, part),
          explain: given.explain && partFolder(given.explain, part),
        };
        const { answers, computation } = answersOf(model, images, options, own.signal);
        await openSessions(model, computation, images.size, options, own);
        const shape = classifiedShape(model, options, own);
        const output = { ...options, leftOut: images.leftOut };
        const tally = new Map<string, number>();
        const counts = await writeAnswers(shape, output, own, (take) =>
          runImages({ answers: tallied(answers, tally), total: images.size, take, onImage }, own),
        );
        if (outputFormat(options) === "table" || options.output !== undefined) {
          await own.print(tallyLines(tally, own));
        }
        noticeUnturned(options, model, own);
        return counts;
      },
      [Symbol.asyncDispose]: () => model.release(),
    };
  },
};

/** Classifies the images of the inputs. */
export const classify = (
  inputs: readonly string[],
  options: ClassifyOptions,
  terminal: Terminal,
): Promise<Outcome> => answerImages(classifier, inputs, options, terminal);

function checkExplainOptions({ explain, explainClass, explainLayer }: ClassifyOptions): void {
  if (explain !== undefined || (explainClass ?? explainLayer) === undefined) return;
  const given = explainClass === undefined ? "--explain-layer" : "--explain-class";
  throw new UsageError("usage/explain", `${given} belongs to --explain FOLDER, which says where to draw.`);
}

/** Counts the class that each image is taken for. */
async function* tallied<Answer extends Classified | Failure>(
  answers: AsyncIterable<Answer>,
  tally: Map<string, number>,
): AsyncGenerator<Answer, void, undefined> {
  for await (const answer of answers) {
    const best = "error" in answer ? undefined : answer.predictions[0]?.label;
    if (best !== undefined) tally.set(best, (tally.get(best) ?? 0) + 1);
    yield answer;
  }
}

/** Of fewer images a reader has seen every answer. */
const fewestTallied = 10;

/** Classes that are counted one by one. */
const talliedClasses = 20;

/** How many images were taken for each class, the most first. */
function tallyLines(
  tally: ReadonlyMap<string, number>,
  layout: Pick<Terminal, "columns" | "style">,
): string[] {
  const images = [...tally.values()].reduce((sum, count) => sum + count, 0);
  if (images < fewestTallied) return [];
  const classes = [...tally].sort(([, a], [, b]) => b - a);
  const shown = classes
    .slice(0, talliedClasses)
    .map(([label, count]) => ({ label, share: count / images, figure: plural(count, "image") }));
  const more = classes.slice(talliedClasses).reduce((sum, [, count]) => sum + count, 0);
  return [
    "",
    ...predictionLines(`${plural(images, "image")}, by the likeliest class`, shown, layout),
    ...(more > 0
      ? [
          `  ${plural(more, "image")} of ${plural(classes.length - talliedClasses, "other class", "other classes")}`,
        ]
      : []),
  ];
}

interface Answers {
  readonly answers: AsyncIterable<Classified | Drawn | Failure>;
  readonly computation: Computation;
}

function answersOf(
  model: Model,
  images: ImageSource,
  {
    topk,
    raw,
    unknownBelow,
    explain,
    classIndex,
    explainLayer,
  }: ClassifyOptions & { readonly classIndex: number | undefined },
  signal: AbortSignal,
): Answers {
  const how = { topk, raw, unknownBelow, signal };
  if (explain === undefined) return { answers: model.classifyAll(images, how), computation: ["logits"] };
  const layer = explainLayer ?? model.lastLayer;
  const explained = model.explainAll(images, { ...how, classIndex, layer });
  return {
    answers: drawExplanations(explained, explain, model),
    computation: { explains: layer },
  };
}

function classifiedShape(
  model: Model,
  { logits, unknownBelow, explain }: ClassifyOptions,
  { columns, style }: Terminal,
): AnswerShape<Classified | Drawn | Failure> {
  const widest = Math.max(...model.classes.map(textWidth));
  const numbers = ({
    probability,
    logit,
  }: {
    probability: number;
    logit: number;
  }): { probability: number; logit?: number } => ({
    probability: shortestFloat(probability),
    ...(logits ? { logit: shortestFloat(logit) } : {}),
  });
  return {
    entry: (answer): ClassifiedJson | FailureJson =>
      "error" in answer
        ? failureEntry(answer)
        : {
            image: answer.image,
            predictions: answer.predictions.map((prediction) => ({
              index: prediction.index,
              label: prediction.label,
              ...numbers(prediction),
            })),
            ...(answer.isUnknown === undefined ? {} : { unknown: answer.isUnknown }),
            ...explanationEntry(answer),
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
            ...(answer.isUnknown === undefined ? {} : { unknown: answer.isUnknown ? "yes" : "no" }),
            ...("picture" in answer ? { explained: answer.explained.label, picture: answer.picture } : {}),
          })),
    columns: [
      { name: "image", type: "text" },
      { name: "rank", type: "int32" },
      { name: "index", type: "int32" },
      { name: "label", type: "text" },
      { name: "probability", type: "float64" },
      ...(logits ? [{ name: "logit", type: "float64" } as const] : []),
      ...(unknownBelow === undefined ? [] : [{ name: "unknown", type: "text" } as const]),
      ...(explain === undefined ? [] : pictureColumns),
      { name: "error", type: "text" },
    ],
    lines: (answer) => {
      if ("error" in answer) return failureLines(answer.image, answer.error.message, { columns, style });
      const ranked = answer.predictions.map(({ label, probability, logit }) => ({
        label,
        share: probability,
        ...(logits ? { figure: logit.toFixed(4) } : {}),
      }));
      const [best] = answer.predictions;
      const unknown = `unknown (most likely: ${printable(best!.label)} ${percent(best!.probability)})`;
      const [title = "", ...lines] = predictionLines(answer.image, ranked, { columns, style, widest });
      return [
        title,
        ...(answer.isUnknown ? [`  ${style.bold(unknown)}`] : []),
        ...lines,
        ...("picture" in answer ? [`  ${printable(`${answer.explained.label}: ${answer.picture}`)}`] : []),
      ];
    },
  };
}

const pictureColumns = [
  { name: "explained", type: "text" },
  { name: "picture", type: "text" },
] as const;

function explanationEntry(answer: Classified | Drawn): Pick<ClassifiedJson, "explanation"> {
  if (!("picture" in answer)) return {};
  const { explained, layer, picture } = answer;
  const { index, label, probability } = explained;
  return { explanation: { index, label, probability: shortestFloat(probability), layer, picture } };
}
