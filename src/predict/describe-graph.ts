import { ModelError } from "../core/index.ts";
import { baseName, type StorageFor } from "../core/storage/index.ts";
import type { HeldPrecision, ModelInterface, ModelOutput, ModelValue } from "../graph/index.ts";
import { changePreprocessing, imagenetPreprocessing, type Preprocessing } from "../image/index.ts";
import { decodeDescription, type GraphConfig, type NetworkDescription } from "../nn/index.ts";
import { statedByMetadata, type StatedModel } from "../nn/stated-model.ts";
import { fileTitle, statedBeside, statedClasses, withClasses } from "./describe-weights.ts";
import type { ModelOptions } from "./open-model.ts";
import type { ImageForm } from "./pipeline/image-worker.ts";

/** An ONNX model of an image classifier: what it is, what it takes, and what its outputs are to this package. */
export interface DescribedGraph {
  readonly description: NetworkDescription;
  readonly form: ImageForm;
  /** Images that it takes at once, where it takes one number of them only. */
  readonly batch: number | undefined;
  readonly outputs: readonly ModelOutput[];
  /** The output of class scores, unless it has none. */
  readonly logits: ModelOutput | undefined;
  readonly embedding: ModelOutput | undefined;
  readonly antialiases: boolean;
  readonly precision: HeldPrecision;
  /** Whether nothing says how images are prepared, so that ImageNet's way is assumed. */
  readonly isAssumed: boolean;
}

/**
 * Says what an ONNX model is: by the description of this package's own files; else by a `config.json` beside it, by what the
 * options give, and by its metadata.
 *
 * @throws ModelError `model/not-a-classifier` for inputs or outputs that are not those of an image classifier, `model/fixed-graph`
 *   for options that would need another graph, and as `describeWeights` for what is said of it.
 */
export async function describeGraph(
  storageFor: StorageFor,
  path: string,
  graph: ModelInterface,
  options: ModelOptions,
): Promise<DescribedGraph> {
  const own = decodeDescription(graph.metadata, path);
  const input = imageInput(path, graph);
  const { outputs, antialiases, precision } = graph;
  const embedding = outputs.find(({ name }) => embeddingNames.includes(name));
  const given = { batch: batchOf(input), outputs, embedding, antialiases, precision };
  if (own) {
    const logits = outputs.find(({ name }) => name === "logits");
    const { preprocessing } = own;
    checkAsked(path, options, {
      numClasses: own.config.numClasses,
      inChannels: own.config.inChannels,
      outputStride: own.config.outputStride,
      inputSize: preprocessing.inputSize,
    });
    const form = formOf(input, true);
    const description = overridden(own, options, form === "normalised");
    return { ...given, description, form, logits, isAssumed: false };
  }
  const stated = (await statedBeside(storageFor, path)) ?? statedByMetadata(graph.metadata, path);
  const named = options.classes?.length ?? stated?.classNames?.size;
  const logits = classScores(path, outputs, embedding, named);
  const numClasses = classCount(path, logits, options, stated);
  const channels = input.dtype === "uint8" ? 3 : (input.shape[1] as number);
  const height = input.dtype === "uint8" ? undefined : input.shape[2];
  const side = typeof height === "number" ? height : undefined;
  checkAsked(path, options, { numClasses, inChannels: channels, outputStride: undefined, inputSize: side });
  const told =
    side !== undefined && stated?.inTraining?.inputSize === side ? stated.inTraining : stated?.preprocessing;
  const preprocessing = {
    ...(told ?? imagenetPreprocessing),
    ...(side === undefined ? {} : { inputSize: side }),
  };
  const config: GraphConfig = {
    kind: "graph",
    numClasses,
    inChannels: channels,
    parameters: graph.parameters,
    embeddingLength: numberOf(embedding?.shape[1]),
  };
  const { mean, std } = options.preprocessing ?? {};
  const isAssumed = told === undefined && (mean === undefined || std === undefined);
  const described: NetworkDescription = {
    name: fileTitle(path),
    config,
    ...(await statedClasses(stated, numClasses)),
    preprocessing,
    provenance: {
      weights: baseName(path),
      ...(stated && stated.origin !== path ? { "described by": baseName(stated.origin) } : {}),
      ...(stated?.architecture === undefined ? {} : { architecture: stated.architecture }),
      ...(stated?.licence === undefined ? {} : { licence: stated.licence }),
      ...(isAssumed ? { preprocessing: "assumed: nothing says how images are prepared" } : {}),
    },
  };
  const form = formOf(input, false);
  const description = overridden(described, options, form === "normalised");
  return { ...given, description, form, logits, isAssumed };
}

const numberOf = (dim: number | string | undefined): number | undefined =>
  typeof dim === "number" ? dim : undefined;

const shown = ({ name, dtype, shape }: ModelValue): string => `${name} ${dtype ?? "?"}[${shape.join(", ")}]`;

/** The one input: images in rows, one image of bytes, or channels first. */
function imageInput(path: string, { inputs }: ModelInterface): ModelValue {
  const refused = (why: string): ModelError =>
    new ModelError(
      "model/not-a-classifier",
      `${path} takes ${inputs.map(shown).join(", ") || "nothing"}: ${why}. Expected one input of images, float32[N, 3 or 1, ` +
        "height, width], or of one image, uint8[height, width, 3].",
    );
  const [images] = inputs;
  if (images === undefined || inputs.length > 1) throw refused("it has not one input");
  const { dtype, shape } = images;
  if (dtype === "uint8" && shape.length === 3 && shape[2] === 3) return images;
  if (dtype === "float16")
    throw refused("its input is float16; export it with float32 inputs, weights may stay as they are");
  if (dtype !== "float32" || shape.length !== 4) throw refused("that is no float32 image input");
  const [, channels, height, width] = shape;
  if (channels !== 3 && channels !== 1) {
    throw refused(
      shape[3] === 3 || shape[3] === 1 ? "its channels come last; transpose them" : "those are no images",
    );
  }
  if (typeof height === "number" && typeof width === "number" && height !== width) {
    throw refused("its images are not square");
  }
  return images;
}

/** How images go in; our own graphs that take images of any size have the resize inside. */
function formOf({ dtype, shape }: ModelValue, isOwn: boolean): ImageForm {
  if (dtype === "uint8") return "bytes";
  return isOwn && typeof shape[2] !== "number" ? "planes" : "normalised";
}

const batchOf = ({ dtype, shape }: ModelValue): number | undefined =>
  dtype === "uint8" ? 1 : numberOf(shape[0]);

/** What exporters call an embedding. */
const embeddingNames = ["embedding", "embeddings", "pooler_output", "image_embeds", "features", "pre_logits"];

/** The scores of the classes: `logits`, or the only output that can be, by the number of names where there are some. */
function classScores(
  path: string,
  outputs: readonly ModelOutput[],
  embedding: ModelOutput | undefined,
  names: number | undefined,
): ModelOutput | undefined {
  const isRow = ({ dtype, shape }: ModelOutput): boolean =>
    dtype === "float32" && shape.length >= 2 && shape.slice(2).every((length) => length === 1);
  const all = outputs.filter((output) => output !== embedding && isRow(output));
  const fitting = all.filter(({ shape }) => shape[1] === names);
  const rows = fitting.length > 0 ? fitting : all;
  const found = rows.find(({ name }) => name === "logits") ?? rows[0];
  if (found === undefined && embedding) return undefined;
  if (found === undefined || (rows.length > 1 && found.name !== "logits")) {
    throw new ModelError(
      "model/not-a-classifier",
      `${path} gives ${outputs.map(shown).join(", ")}: expected one output float32[N, classes], or one called logits.`,
    );
  }
  if (found.op !== "Sigmoid") return found;
  throw new ModelError(
    "model/not-a-classifier",
    `${path} ends in Sigmoid: it judges each class by itself, where one of several classes is expected.`,
  );
}

function classCount(
  path: string,
  logits: ModelOutput | undefined,
  { classes, numClasses }: ModelOptions,
  stated: StatedModel | undefined,
): number {
  if (logits === undefined) return 0;
  const count =
    numberOf(logits.shape[1]) ??
    stated?.numClasses ??
    stated?.classNames?.size ??
    classes?.length ??
    numClasses;
  if (count !== undefined) return count;
  throw new ModelError(
    "model/not-a-classifier",
    `${path}: nothing says how many classes ${shown(logits)} has; name them (classes, --labels), or put a config.json beside it.`,
  );
}

/** What is written into a graph, and what it is there. */
interface Fixed {
  readonly numClasses: number;
  readonly inChannels: number;
  readonly outputStride: number | undefined;
  /** `undefined` for a graph that takes images of any size. */
  readonly inputSize: number | undefined;
}

/** @throws ModelError `model/fixed-graph` */
function checkAsked(path: string, options: ModelOptions, fixed: Fixed): void {
  const asked: readonly (readonly [string, number | undefined, number | undefined])[] = [
    ["numClasses", options.numClasses, fixed.numClasses],
    ["inChannels", options.inChannels, fixed.inChannels],
    ["outputStride", options.outputStride, fixed.outputStride],
    ["input size", options.preprocessing?.inputSize, fixed.inputSize],
  ];
  for (const [what, wanted, is] of asked) {
    if (wanted === undefined || is === undefined || wanted === is) continue;
    throw new ModelError(
      "model/fixed-graph",
      `${path} was exported with ${what} ${is}; it cannot run with ${wanted}. Export it anew from its weights.`,
    );
  }
}

/** Names of classes may change, and the way that images are prepared where that is not inside the graph. */
function overridden<Described extends NetworkDescription>(
  described: Described,
  { classes, preprocessing = {} }: ModelOptions,
  isOutside: boolean,
): Described {
  const given = Object.entries(preprocessing).filter(([, value]) => value !== undefined);
  const named = classes ? withClasses(described, classes) : described;
  if (given.length === 0) return named;
  const other = given.find(
    ([name, value]) =>
      JSON.stringify(described.preprocessing[name as keyof Preprocessing]) !== JSON.stringify(value),
  );
  if (!isOutside && other) {
    throw new ModelError(
      "model/fixed-graph",
      `${described.name} prepares images inside its graph: ${other[0]} ${JSON.stringify(other[1])} cannot be had of it.`,
    );
  }
  return { ...named, preprocessing: changePreprocessing(described.preprocessing, preprocessing) };
}
