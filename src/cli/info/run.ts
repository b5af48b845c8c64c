import { existsSync } from "node:fs";
import { UsageError } from "../../core/index.ts";
import {
  findCard,
  isGraphConfig,
  layerTable,
  listModels,
  modelConfig,
  networkWeights,
  timmName,
  type Layer,
} from "../../nn/index.ts";
import { embeddedWeights, hubStorage } from "../../node/files/hub-storage.ts";
import { nodePlatform } from "../../node/platform.ts";
import { describeWeights } from "../../predict/describe-weights.ts";
import { noticeOfSums } from "../../predict/int8/exact-sums.ts";
import { readGraph } from "../../predict/open-graph.ts";
import { isOnnxPath, isWeightsPath } from "../../predict/open-model.ts";
import { openWeights, weightsFile } from "../../weights/index.ts";
import type { Outcome } from "../options/command.ts";
import type { Style, Terminal } from "../output/terminal.ts";
import type { InfoOptions } from "./options.ts";
import {
  cardEntry,
  cardLines,
  checkpointEntry,
  checkpointLines,
  graphEntry,
  graphLines,
  layerLines,
  type CheckpointFacts,
} from "./view.ts";

/** Shows what is known of a model or a weights file. */
export async function info(
  [subject = ""]: readonly string[],
  options: InfoOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const { entry, lines, layers } =
    isWeightsPath(subject) || existsSync(subject)
      ? await aboutFile(subject, options, terminal)
      : await aboutModel(subject, options, terminal);
  if (options.json) {
    const document = options.layers ? { ...entry, layers: layers() } : entry;
    await terminal.print([JSON.stringify(document, null, 2)]);
  } else {
    await terminal.print(lines(terminal.style));
    if (options.layers) await terminal.print(["", ...layerLines(layers())]);
  }
  return "ok";
}

/** What there is to say, in each form. */
interface Subject {
  readonly entry: object;
  readonly lines: (style: Style) => string[];
  readonly layers: () => readonly Layer[];
}

async function aboutModel(name: string, options: InfoOptions, terminal: Terminal): Promise<Subject> {
  const embedded = embeddedWeights(name);
  if (embedded !== undefined) return aboutFile(embedded, options, terminal);
  const config = modelConfig(name);
  const card = findCard(name);
  const tag = timmName(name);
  if (card === undefined && tag !== undefined) return aboutCached(tag, options, terminal);
  if (card === undefined) {
    const models = listModels().filter((model) => model.endsWith(`_${name}`));
    const others =
      models.length > 0 ? `ask for ${models.join(" or ")}` : "ssl-resnext models lists those with one";
    throw new UsageError("usage/no-card", `"${name}" is an architecture without a card; ${others}.`);
  }
  if (options.key !== undefined || options.ema) {
    throw new UsageError("usage/no-file", `--key and --ema are for files of weights; ${name} is a card.`);
  }
  return {
    entry: cardEntry(card),
    lines: (style) => cardLines(card, style),
    layers: () => layerTable(config),
  };
}

/** A model of timm's on the hub, once its weights have been downloaded. */
async function aboutCached(tag: string, options: InfoOptions, terminal: Terminal): Promise<Subject> {
  const path = hubStorage().locate(`${tag}.safetensors`);
  if (existsSync(path)) return aboutFile(path, options, terminal);
  throw new UsageError(
    "usage/no-card",
    `timm/${tag} is described by its file on the hub, which is downloaded when it first classifies (-m timm/${tag}).`,
  );
}

async function aboutFile(path: string, { key, ema }: InfoOptions, terminal: Terminal): Promise<Subject> {
  const { storageFor } = nodePlatform;
  const file = await weightsFile(storageFor, path);
  if (isOnnxPath(file)) return aboutGraph(file, terminal);
  await using weights = await openWeights(storageFor, file, { key, ema });
  const { checkpoint, size } = weights;
  const network = networkWeights(checkpoint, file, key);
  const description = await describeWeights(storageFor, file, checkpoint, network.tensors);
  const facts: CheckpointFacts = { file, size, checkpoint, network, description };
  return {
    entry: checkpointEntry(facts),
    lines: (style) => checkpointLines(facts, style),
    layers: () => layerTable(description.config, description.preprocessing.inputSize),
  };
}

async function aboutGraph(file: string, terminal: Terminal): Promise<Subject> {
  const graph = await readGraph(nodePlatform, file);
  const notice = await noticeOfSums(nodePlatform, file, graph.description);
  if (notice) terminal.notice(notice.message);
  const { config, preprocessing } = graph.description;
  const size = (await nodePlatform.storageFor(file).stat(file))?.size ?? 0;
  return {
    entry: graphEntry(file, size, graph),
    lines: (style) => graphLines(file, size, graph, style),
    layers: () => {
      if (!isGraphConfig(config)) return layerTable(config, preprocessing.inputSize);
      throw new UsageError(
        "usage/layers",
        `--layers: ${file} is an ONNX model of its own architecture; open it with Netron.`,
      );
    },
  };
}
