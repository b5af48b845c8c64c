import { defineCommand, type LoadedCommand } from "../command.ts";
import { jsonOption } from "../options/output-options.ts";
import { grouped } from "../output/numbers.ts";
import { table } from "../output/table.ts";
// Past the index, which loads graphs and their encoding: a list of names should come at once.
import { modelCards, type ModelCard } from "../../nn/model-cards.ts";
import { releaseCard } from "../../nn/release-card.ts";

/** `models`: the released models, their size and what they claim. */
export const modelsCommand: LoadedCommand = defineCommand<{ readonly json: boolean }>({
  operands: {},
  options: { json: jsonOption },
  examples: [
    ["models", "names, sizes and accuracies"],
    ["models --json | jq -r '.[].name'", "only the names"],
  ],
  async run(_, { json }, terminal) {
    if (json) await terminal.print([JSON.stringify(modelCards.map(modelEntry), null, 2)]);
    else await terminal.print(modelLines(terminal.columns));
    return "ok";
  },
});

function modelEntry(card: ModelCard): object {
  const [top1, top5] = card.cardAccuracy;
  return {
    name: card.name,
    timm: card.timmTag,
    method: card.method,
    parameters: card.parameters,
    multiplyAdds: card.multiplyAdds,
    top1,
    top5,
    licence: releaseCard.licence,
  };
}

const widthWithTimmNames = 110;

function modelLines(columns: number): string[] {
  // Cut in two, timm's names would all look alike.
  const timmNames = columns >= widthWithTimmNames;
  const rows = modelCards.map((card) => [
    card.name,
    grouped(card.parameters),
    (card.multiplyAdds / 1e9).toFixed(2),
    ...card.cardAccuracy.map((accuracy) => accuracy.toFixed(2)),
    ...(timmNames ? [card.timmTag] : []),
  ]);
  return [
    ...table(
      [
        { title: "name" },
        { title: "parameters", align: "right" },
        { title: "GMACs", align: "right" },
        { title: "top-1", align: "right" },
        { title: "top-5", align: "right" },
        ...(timmNames ? [{ title: "timm's name, accepted too" }] : []),
      ],
      rows,
    ),
    "",
    `Accuracy in percent on ImageNet, as the model cards claim. Weights: ${releaseCard.licence}.`,
  ];
}
