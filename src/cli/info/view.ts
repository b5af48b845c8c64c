import { elementCount, printable } from "../../core/index.ts";
import {
  countParameters,
  family,
  releaseCard,
  type Layer,
  descriptionKey,
  isGraphConfig,
  type ModelCard,
  type ModelDescription,
  type NetworkDescription,
  type TimmAccuracy,
  type TopAccuracy,
  type NetworkWeights,
} from "../../nn/index.ts";
import type { DescribedGraph } from "../../predict/describe-graph.ts";
import { averagedKeys, type Checkpoint } from "../../weights/index.ts";
import { bytes, grouped, plural, si } from "../output/numbers.ts";
import { definitions, table } from "../output/table.ts";
import type { Style } from "../output/terminal.ts";
import { confidenceLine } from "../train/view.ts";

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
    ...definitions(cardFacts(card)),
    "",
    ...accuracyLines(card),
    "",
    style.bold("Citation"),
    ...releaseCard.paper.bibtex,
  ];
}

function cardFacts(card: ModelCard): [string, string][] {
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

/** What is known of a weights file before any of its elements is read. */
export interface CheckpointFacts {
  readonly file: string;
  readonly size: number;
  readonly checkpoint: Checkpoint;
  /** The network among its tensors. */
  readonly network: NetworkWeights;
  readonly description: ModelDescription;
}

/** What a file says beside its own description. */
const metadataOf = ({ checkpoint }: CheckpointFacts): Readonly<Record<string, string>> =>
  Object.hasOwn(checkpoint.metadata, descriptionKey) ? {} : checkpoint.metadata;

/** A weights file as JSON. */
export function checkpointEntry(facts: CheckpointFacts): object {
  const { file, size, checkpoint, network, description } = facts;
  const { config } = description;
  return {
    file,
    bytes: size,
    format: checkpoint.format,
    architecture: family.title(config),
    config,
    parameters: countParameters(config),
    ...(checkpoint.key === undefined ? {} : { key: checkpoint.key }),
    otherKeys: checkpoint.otherKeys ?? [],
    prefix: network.prefix,
    ...(network.classifier === undefined ? {} : { classifier: network.classifier }),
    unread: checkpoint.unread ?? [],
    tensors: Array.from(checkpoint.tensors, ([name, { dtype, dims }]) => ({ name, dtype, dims })),
    name: description.name,
    classes: description.classes,
    preprocessing: description.preprocessing,
    ...(description.confidence ? { confidence: description.confidence } : {}),
    provenance: description.provenance,
    metadata: metadataOf(facts),
  };
}

/** A weights file for reading. */
export function checkpointLines(facts: CheckpointFacts, style: Style): string[] {
  const { file, size, checkpoint, description } = facts;
  const { config } = description;
  const { tensors } = checkpoint;
  const elements = [...tensors.values()].reduce((sum, { dims }) => sum + elementCount(dims), 0);
  const dtypes = [...new Set(Array.from(tensors.values(), ({ dtype }) => dtype))].join(", ");
  return [
    style.bold(printable(file)),
    "",
    ...definitions([
      ["format", `${checkpoint.format}, ${bytes(size)}`],
      ["architecture", family.title(config)],
      ["parameters", grouped(countParameters(config))],
      ["tensors", `${plural(tensors.size, "tensor")} (${dtypes}), ${grouped(elements)} elements`],
      ["classes", classesText(description)],
      ...foundPairs(facts),
      ...descriptionPairs(description),
      ...metadataPairs(metadataOf(facts)),
    ]),
  ];
}

/** Where the weights lay in the file, and what was left there. */
function foundPairs({ checkpoint, network }: CheckpointFacts): [string, string][] {
  const { key, otherKeys = [], unread = [] } = checkpoint;
  const { prefix, classifier, left } = network;
  const shown = (names: readonly string[]): string =>
    names.slice(0, 8).map(printable).join(", ") + (names.length > 8 ? `, and ${names.length - 8} more` : "");
  const others = otherKeys.map((name) => (averagedKeys.includes(name) ? `${name} (averaged: --ema)` : name));
  const pairs: readonly [string, string | undefined][] = [
    ["weights under", key && printable(key)],
    ["other weights", others.length > 0 ? `${shown(others)}; --key NAME takes them` : undefined],
    ["prefix taken off", prefix && printable(prefix)],
    ["classifier under", classifier && printable(classifier)],
    ["not of the network", left.length > 0 ? shown(left) : undefined],
    ["not read", unread.length > 0 ? `${shown(unread)}: nothing of them ran` : undefined],
  ];
  return pairs.flatMap(([name, value]): [string, string][] => (value ? [[name, value]] : []));
}

function classesText({ config: { numClasses }, classes: names }: NetworkDescription): string {
  if (numClasses === 0) return "none: the model gives embeddings";
  if (names === "imagenet-1k") return "1,000 of ImageNet";
  if (names.length === 0) return `${grouped(numClasses)}, without names in the file`;
  const shown = names.slice(0, 6).map(printable).join(", ");
  return `${grouped(numClasses)}: ${shown}${names.length > 6 ? ", …" : ""}`;
}

function descriptionPairs(description: ModelDescription): [string, string][] {
  const { name, preprocessing, provenance } = description;
  const { inputSize, cropPct, interpolation, exifOrientation } = preprocessing;
  return [
    ["name", printable(name)],
    ["input", `${inputSize}x${inputSize}, crop ${cropPct}, ${interpolation}`],
    ["photographs", exifOrientation ? "turned upright as their EXIF orientation says" : "as they are stored"],
    ...confidencePairs(description),
    ...metadataPairs(provenance),
  ];
}

/** How sure a model may be of its answers, where its file says. */
const confidencePairs = ({ confidence }: NetworkDescription): [string, string][] =>
  confidence ? [["how sure", confidenceLine(confidence)]] : [];

function metadataPairs(metadata: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(metadata).map(([name, value]) => [printable(name), printable(value)]);
}

/** What an ONNX model takes of an image, in words. */
function inputText({ form, batch, description }: DescribedGraph): string {
  const { config, preprocessing } = description;
  if (form !== "normalised") return "one image of any size, prepared inside";
  const { inputSize, cropPct, interpolation } = preprocessing;
  const channels = config.inChannels === 1 ? ", grey" : "";
  return `${inputSize}x${inputSize}${channels}, crop ${cropPct}, ${interpolation}${batch === undefined ? "" : `, ${plural(batch, "image")} at once`}`;
}

const outputsOf = ({ outputs }: DescribedGraph): string[] =>
  outputs.map(({ name, dtype, shape }) => `${name} ${dtype ?? "?"}[${shape.join(", ")}]`);

/** An ONNX model as JSON. */
export function graphEntry(file: string, bytesOfFile: number, graph: DescribedGraph): object {
  const { description, form, batch, outputs, logits, embedding } = graph;
  const { name, config, classes, preprocessing, confidence, provenance } = description;
  return {
    file,
    bytes: bytesOfFile,
    format: "onnx",
    ...(isGraphConfig(config) ? {} : { architecture: family.title(config) }),
    config,
    parameters: countParameters(config),
    input: form,
    ...(batch === undefined ? {} : { batch }),
    outputs: outputs.map(({ name: output, dtype, shape }) => ({ name: output, dtype, dims: shape })),
    logits: logits?.name ?? null,
    embedding: embedding?.name ?? null,
    name,
    classes,
    preprocessing,
    ...(confidence ? { confidence } : {}),
    provenance,
  };
}

/** An ONNX model for reading. */
export function graphLines(file: string, bytesOfFile: number, graph: DescribedGraph, style: Style): string[] {
  const { name, config, provenance } = graph.description;
  return [
    style.bold(printable(file)),
    "",
    ...definitions([
      ["format", `onnx, ${bytes(bytesOfFile)}`],
      ["architecture", isGraphConfig(config) ? "its own" : family.title(config)],
      ["parameters", grouped(countParameters(config))],
      ["outputs", outputsOf(graph).map(printable).join(", ")],
      ["classes", classesText(graph.description)],
      ["name", printable(name)],
      ["input", inputText(graph)],
      ...confidencePairs(graph.description),
      ...metadataPairs(provenance),
    ]),
  ];
}

/** The layers of a model as a table with totals. */
export function layerLines(layers: readonly Layer[]): string[] {
  const total = (value: (layer: Layer) => number): number =>
    layers.reduce((sum, layer) => sum + value(layer), 0);
  const orBlank = (value: number, format: (value: number) => string): string =>
    value > 0 ? format(value) : "";
  return table(
    [
      { title: "layer" },
      { title: "op" },
      { title: "" },
      { title: "output" },
      { title: "parameters", align: "right" },
      { title: "multiply-adds", align: "right" },
    ],
    [
      ...layers.map((layer) => [
        layer.name,
        layer.op,
        layer.detail,
        layer.output.slice(1).join("x"),
        orBlank(layer.parameters, grouped),
        orBlank(layer.multiplyAdds, si),
      ]),
      [
        "total",
        "",
        "",
        "",
        grouped(total(({ parameters }) => parameters)),
        si(total(({ multiplyAdds }) => multiplyAdds)),
      ],
    ],
  );
}
