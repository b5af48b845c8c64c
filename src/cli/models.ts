import {
  countParameters,
  embeddedModel,
  layerTable,
  modelCards,
  releaseCard,
  statedAccuracy,
  type ModelCard,
  type ModelDescription,
} from "../nn/index.ts";
import { openModel } from "../node/library.ts";
import { weightFiles, type PretrainedName } from "../weights/hub/weight-files.ts";
import type { CommandDefinition, OptionValues, Outcome } from "./options/command.ts";
import { jsonOption } from "./options/input-output-options.ts";
import { bytes, grouped } from "./output/numbers.ts";
import { table, textWidth } from "./output/table.ts";
import type { Terminal } from "./output/terminal.ts";

/** `models`: the models with trained weights, their size and what they claim. */
export const modelsCommand = {
  operands: {},
  options: { json: jsonOption },
  examples: [
    ["models", "names, sizes and accuracies"],
    ["models --json | jq -r '.[].name'", "only the names"],
  ],
} satisfies CommandDefinition;

/** A model of the list, as JSON has it. */
interface ListedModel {
  readonly name: string;
  /** timm's name; null for models that timm has not. */
  readonly timm: string | null;
  readonly method: string | null;
  readonly classes: number;
  readonly parameters: number;
  /** Length of the file that is downloaded, 0 for the model in the package; null where it is not known beforehand. */
  readonly downloadBytes: number | null;
  /** For one image of the size that the model sees. */
  readonly multiplyAdds: number;
  /** Claimed accuracy in percent. */
  readonly top1: number | null;
  readonly top5: number | null;
  /** What it was measured on. */
  readonly testSet: string | null;
  readonly licence: string | null;
}

/** Lists the released models and the one that the package carries. */
export async function models(
  _: readonly string[],
  { json }: OptionValues<typeof modelsCommand.options>,
  terminal: Terminal,
): Promise<Outcome> {
  const { description } = await openModel(embeddedModel, { pretrained: true });
  const embedded = ofDescription(description);
  const listed = [...modelCards.map(ofCard), embedded];
  if (json) await terminal.print([JSON.stringify(listed, null, 2)]);
  else await terminal.print(modelLines(listed, embedded, terminal.columns));
  return "ok";
}

function ofCard({ cardAccuracy: [top1, top5], ...card }: ModelCard): ListedModel {
  return {
    name: card.name,
    timm: card.timmTag,
    method: card.method,
    classes: 1000,
    parameters: card.parameters,
    downloadBytes: weightFiles[card.name as PretrainedName].bytes ?? null,
    multiplyAdds: card.multiplyAdds,
    top1,
    top5,
    testSet: "ImageNet",
    licence: releaseCard.licence,
  };
}

function ofDescription(description: ModelDescription): ListedModel {
  const { name, config, preprocessing, provenance } = description;
  const stated = statedAccuracy(description);
  const layers = layerTable(config, preprocessing.inputSize);
  return {
    name,
    timm: null,
    method: provenance["method"] ?? null,
    classes: config.numClasses,
    parameters: countParameters(config),
    downloadBytes: 0,
    multiplyAdds: layers.reduce((sum, layer) => sum + layer.multiplyAdds, 0),
    top1: stated?.accuracy[0] ?? null,
    top5: stated?.accuracy[1] ?? null,
    testSet: stated?.testSet ?? null,
    licence: provenance["licence"] ?? null,
  };
}

const bytesPerParameter = 4;

/** Size of the download, or about what the parameters take. */
function downloadText({ downloadBytes, parameters }: ListedModel): string {
  if (downloadBytes === 0) return "–";
  return downloadBytes === null
    ? `~${Math.round((bytesPerParameter * parameters) / 1e6)} MB`
    : bytes(downloadBytes);
}

function modelLines(listed: readonly ListedModel[], embedded: ListedModel, columns: number): string[] {
  const lines = (timmNames: boolean): string[] =>
    table(
      [
        { title: "name" },
        { title: "parameters", align: "right" },
        { title: "download", align: "right" },
        { title: "GMACs", align: "right" },
        { title: "top-1", align: "right" },
        { title: "top-5", align: "right" },
        ...(timmNames ? [{ title: "timm's name, accepted too" }] : []),
      ],
      listed.map((model) => [
        model.name,
        grouped(model.parameters),
        downloadText(model),
        (model.multiplyAdds / 1e9).toFixed(2),
        ...[model.top1, model.top5].map((accuracy) => accuracy?.toFixed(2) ?? ""),
        ...(timmNames ? [model.timm ?? ""] : []),
      ]),
    );
  const whole = lines(true);
  return [
    // Cut in two, timm's names would all look alike.
    ...(whole.every((line) => textWidth(line) <= columns) ? whole : lines(false)),
    "",
    "Accuracy in percent on ImageNet's 1,000 classes, as the model cards claim.",
    `Weights: ${releaseCard.licence}; they are downloaded once, and cached.`,
    `${embedded.name} is in the package and answers when no model is named; it`,
    `knows ${grouped(embedded.classes)} classes. Its accuracy: ${embedded.testSet}.`,
  ];
}
