import { releaseCard, type ModelCard, type TimmAccuracy, type TopAccuracy } from "../../nn/index.ts";
import { grouped, si } from "../output/numbers.ts";
import { definitions, table } from "../output/table.ts";
import type { Style } from "../output/style.ts";

const testSets: { readonly [Set in keyof TimmAccuracy]: string } = {
  imagenet: "ImageNet",
  imagenetReal: "ImageNet-ReaL",
  imagenetV2: "ImageNet-V2, matched frequency",
  sketch: "ImageNet-Sketch",
  imagenetA: "ImageNet-A",
  imagenetR: "ImageNet-R",
};

const accuracyEntry = ([top1, top5]: TopAccuracy): object => ({ top1, top5 });

/** A card as JSON. */
export function cardEntry(card: ModelCard): object {
  return {
    name: card.name,
    timm: card.timmTag,
    title: card.title,
    method: card.method,
    parameters: card.parameters,
    multiplyAdds: card.multiplyAdds,
    cardFlops: card.cardFlops,
    cardAccuracy: accuracyEntry(card.cardAccuracy),
    timmAccuracy: Object.fromEntries(
      Object.entries(card.timmAccuracy).map(([set, accuracy]: [string, TopAccuracy]) => [
        set,
        accuracyEntry(accuracy),
      ]),
    ),
    unlabelledData: releaseCard.unlabelledData[card.method],
    labelledData: releaseCard.labelledData,
    hyperParameters: releaseCard.hyperParameters,
    licence: releaseCard.licence,
    licenceUrl: releaseCard.licenceUrl,
    paper: { title: releaseCard.paper.title, url: releaseCard.paper.url },
    bibtex: releaseCard.paper.bibtex.join("\n"),
  };
}

/** A card for reading. */
export function cardLines(card: ModelCard, style: Style): string[] {
  return [
    style.bold(card.title),
    "",
    ...definitions(facts(card)),
    "",
    ...accuracyLines(card),
    "",
    style.bold("Citation"),
    ...releaseCard.paper.bibtex,
  ];
}

function facts(card: ModelCard): [string, string][] {
  const { hyperParameters: recipe } = releaseCard;
  const ratio = (card.cardFlops / card.multiplyAdds).toFixed(2);
  return [
    ["name", card.name],
    ["timm", card.timmTag],
    ["parameters", grouped(card.parameters)],
    ["multiply-adds", `${si(card.multiplyAdds)} for one image of 224x224, counted from the definition`],
    ["card's FLOPs", `${si(card.cardFlops)} as the card states them, ${ratio} times the multiply-adds`],
    ["input", `${recipe.imageSize}x${recipe.imageSize}, crop ${recipe.cropPct}, ${recipe.interpolation}`],
    [
      "trained on",
      `${releaseCard.unlabelledData[card.method]} (${card.method}), then ${releaseCard.labelledData}`,
    ],
    [
      "recipe",
      `${recipe.optimizer}, learning rate ${recipe.learningRate}, ${recipe.epochs} epochs,\n` +
        `batch ${recipe.batchSize}, weight decay ${recipe.weightDecay}, ${recipe.gpus} GPUs`,
    ],
    ["licence", `${releaseCard.licence} (the weights)\n${releaseCard.licenceNotice}`],
    ["paper", `${releaseCard.paper.title}\n${releaseCard.paper.url}`],
  ];
}

function accuracyLines({ cardAccuracy, timmAccuracy }: ModelCard): string[] {
  // The card gives two digits, timm three: the points stand under each other.
  const figure = (value: number, digits: number): string => value.toFixed(digits).padEnd("00.000".length);
  const row = (name: string, source: string, [top1, top5]: TopAccuracy, digits: number): string[] => [
    name,
    source,
    figure(top1, digits),
    figure(top5, digits),
  ];
  return table(
    [
      { title: "accuracy in percent" },
      { title: "from" },
      { title: "top-1", align: "right" },
      { title: "top-5", align: "right" },
    ],
    [
      row("ImageNet", "the card", cardAccuracy, 2),
      ...Object.entries(testSets).map(([set, name]) =>
        row(name, "timm", timmAccuracy[set as keyof TimmAccuracy], 3),
      ),
    ],
  );
}
