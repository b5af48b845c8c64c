import { tensor, UsageError, type StateDict, type TensorSource } from "../../core/index.ts";
import { folderBytes, writeBytes, writeText, type Storage } from "../../core/storage/index.ts";
import { buildGraph, encodeModel, quantiseWeights, type Graph } from "../../graph/index.ts";
import {
  encodeDescription,
  family,
  inferenceGraph,
  type InferenceGraphOptions,
  type Output,
} from "../../nn/index.ts";
import { encodeSafetensors } from "../../weights/index.ts";
import { quantisationOf, type Int8Options } from "../int8/calibrate.ts";
import { onnxMetadata, toHalf } from "../export-model.ts";
import type { ModelPlatform, ModelSource } from "../open-model.ts";
import { classesOf, classNames } from "../results.ts";
import { timmConfig, webConfig, webPreprocessor, type FolderFacts } from "./configs.ts";
import { modelCardText, webCardText } from "./model-card-text.ts";

export interface ExportHuggingFaceOptions extends Int8Options {
  /**
   * What the graphs give: `logits`, `embedding` as `pooler_output`, the last feature map as `last_hidden_state`, others by their
   * names.
   *
   * @default logits, or the embedding of a model without classifier
   */
  readonly outputs?: readonly Output[] | undefined;
}

/** What was written. */
export interface HuggingFaceFolder {
  /** Bytes of all files. */
  readonly bytes: number;
  /** Whether timm has the architecture: without, there is no `config.json` for timm and transformers. */
  readonly timm: boolean;
}

/**
 * Writes a model as a folder that timm, transformers, ONNX Runtime, OpenVINO and transformers.js open.
 *
 * `config.json` and `model.safetensors` (float32, torchvision's names) for timm and transformers; `model.onnx`, which takes
 * `pixel_values` float32 [N, channels, size, size], normalised; `web/`, a repository of its own for transformers.js, whose graphs in
 * float32, float16 and 8 bits take `pixel_values` float32 [1, 3, height, width] from 0 to 255 and do the rest inside; `README.md`, a
 * model card. With `calibration` the graph of 8 bits computes in them too; without, its weights are stored so.
 *
 * The folder appears complete or not at all.
 *
 * @throws UsageError `usage/output-exists` where something other than an empty folder stands at the path; ModelError
 *   `model/channels` for a model of other than 3 or 1 channels; GraphError `graph/too-large` where the weights do not fit into
 *   one ONNX file; and what `calibrateModel` throws.
 */
export async function exportHuggingFace(
  platform: ModelPlatform,
  model: ModelSource,
  folder: string,
  options: ExportHuggingFaceOptions = {},
): Promise<HuggingFaceFolder> {
  const storage = platform.storageFor(folder);
  const target = storage.resolve(folder);
  await refuseContent(storage, target, folder);
  const { description } = model;
  const labels = description.classes.length === 0 ? [] : classNames(await classesOf(description));
  const facts: FolderFacts = { description, labels, licence: description.provenance["licence"] };
  const int8 = options.calibration === undefined ? undefined : await quantisationOf(platform, model, options);

  const unfinished = `${target}.${crypto.randomUUID().slice(0, 8)}.part`;
  try {
    const timm = await writeFolder(storage, unfinished, model, facts, { ...options, int8 });
    const folders = [[], ["web"], ["web", "onnx"]].map((names) => storage.join(unfinished, ...names));
    const sizes = await Promise.all(folders.map((each) => folderBytes(storage, each)));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    if (await storage.stat(target)) await storage.remove(target);
    await storage.move(unfinished, target);
    return { bytes, timm };
  } catch (error) {
    await storage.remove(unfinished);
    throw error;
  }
}

async function refuseContent(storage: Storage, target: string, folder: string): Promise<void> {
  const refusal = new UsageError(
    "usage/output-exists",
    `${folder} exists already: name a folder that does not, or remove it first.`,
  );
  const kind = (await storage.stat(target))?.kind;
  if (kind === "file") throw refusal;
  if (kind === "folder") for await (const _ of storage.list(target)) throw refusal;
}

type FolderOptions = ExportHuggingFaceOptions & Pick<InferenceGraphOptions, "int8">;

/** @returns whether timm has the architecture */
async function writeFolder(
  storage: Storage,
  folder: string,
  model: ModelSource,
  facts: FolderFacts,
  { outputs, int8, signal }: FolderOptions,
): Promise<boolean> {
  const { description } = model;
  const { config, preprocessing } = description;
  const web = storage.join(folder, "web");
  await storage.makeFolder(storage.join(web, "onnx"));
  const json = (path: string, value: object): Promise<void> =>
    writeText(storage, path, `${JSON.stringify(value, null, 2)}\n`);

  const timm = timmConfig(facts);
  if (timm) await json(storage.join(folder, "config.json"), timm);
  await json(storage.join(web, "config.json"), webConfig(facts));
  await json(storage.join(web, "preprocessor_config.json"), webPreprocessor);
  await writeText(storage, storage.join(folder, "README.md"), modelCardText(facts, timm !== undefined));
  await writeText(storage, storage.join(web, "README.md"), webCardText(facts));

  const metadata = await onnxMetadata(description);
  await model.withWeights(async (weights) => {
    const { chunks } = encodeSafetensors(withBatchCounts(weights), encodeDescription(description));
    await writeBytes(storage, storage.join(folder, "model.safetensors"), chunks, { signal });

    const graph = (more: InferenceGraphOptions): Graph =>
      renamed(
        inferenceGraph(config, weights, {
          outputs: outputs ?? [config.numClasses > 0 ? "logits" : "embedding"],
          inputSize: preprocessing.inputSize,
          inputName: "pixel_values",
          ...more,
        }),
        family.stages(config).at(-1)!.name,
      );
    const write = async (path: string, written: Graph): Promise<void> =>
      writeBytes(storage, path, encodeModel(written, { metadata }).model, { signal });
    await write(storage.join(folder, "model.onnx"), graph({}));

    const inside = { preprocessing, rawImages: "planes" } as const;
    const whole = graph(inside);
    await write(storage.join(web, "onnx", "model.onnx"), whole);
    await write(storage.join(web, "onnx", "model_fp16.onnx"), toHalf(whole));
    const quantised = int8 ? graph({ ...inside, int8 }) : quantiseWeights(whole);
    await write(storage.join(web, "onnx", "model_quantized.onnx"), quantised);
  });
  return timm !== undefined;
}

/** transformers' names of the outputs. */
function renamed(graph: Graph, lastStage: string): Graph {
  const names: Readonly<Record<string, string>> = {
    embedding: "pooler_output",
    [lastStage]: "last_hidden_state",
  };
  return buildGraph(
    Object.fromEntries([...graph.outputs].map(([name, value]) => [names[name] ?? name, value])),
  );
}

/** With the counters that PyTorch's batch normalisation has, which inference does not read: transformers misses them. */
function withBatchCounts(weights: StateDict): StateDict {
  const none = tensor("int64", [], BigInt64Array.of(0n));
  return new Map(
    [...weights].flatMap(([name, source]): [string, TensorSource][] => {
      const counter = name.replace(/running_var$/, "num_batches_tracked");
      return counter === name
        ? [[name, source]]
        : [
            [name, source],
            [counter, none],
          ];
    }),
  );
}
