import { elementCount } from "../../core/index.ts";
import { countParameters, type ModelDescription, type ResNetConfig } from "../../nn/index.ts";
import type { Checkpoint } from "../../weights/index.ts";
import { bytes, grouped, plural } from "../output/numbers.ts";
import type { Style } from "../output/style.ts";
import { definitions } from "../output/table.ts";
import { printable } from "../output/text-width.ts";

/** What is known of a weights file before any of its elements is read. */
export interface CheckpointFacts {
  readonly file: string;
  readonly size: number;
  readonly checkpoint: Checkpoint;
  readonly config: ResNetConfig;
  readonly description: ModelDescription | undefined;
}

/** A weights file as JSON. */
export function checkpointEntry({ file, size, checkpoint, config, description }: CheckpointFacts): object {
  return {
    file,
    bytes: size,
    format: checkpoint.format,
    architecture: architectureName(config),
    config,
    parameters: countParameters(config),
    tensors: Array.from(checkpoint.tensors, ([name, { dtype, dims }]) => ({ name, dtype, dims })),
    ...(description && {
      name: description.name,
      classes: description.classes,
      preprocessing: description.preprocessing,
      provenance: description.provenance,
    }),
    metadata: description ? {} : checkpoint.metadata,
  };
}

/** A weights file for reading. */
export function checkpointLines(facts: CheckpointFacts, style: Style): string[] {
  const { file, size, checkpoint, config, description } = facts;
  const { tensors } = checkpoint;
  const elements = [...tensors.values()].reduce((sum, { dims }) => sum + elementCount(dims), 0);
  const dtypes = [...new Set(Array.from(tensors.values(), ({ dtype }) => dtype))].join(", ");
  return [
    style.bold(printable(file)),
    "",
    ...definitions([
      ["format", `${checkpoint.format}, ${bytes(size)}`],
      ["architecture", architectureName(config)],
      ["parameters", grouped(countParameters(config))],
      ["tensors", `${plural(tensors.size, "tensor")} (${dtypes}), ${grouped(elements)} elements`],
      ["classes", classesText(config, description)],
      ...(description ? descriptionPairs(description) : metadataPairs(checkpoint.metadata)),
    ]),
  ];
}

/** A configuration in the words of the papers: "ResNeXt 3-4-6-3, 32x4d". */
function architectureName(config: ResNetConfig): string {
  const { block, layers, cardinality, baseWidth, stem, width, inChannels } = config;
  const grouping = cardinality > 1 ? `, ${cardinality}x${baseWidth}d` : "";
  const extras = [
    stem === "imagenet" ? "" : ", stem for small images",
    width === 64 ? "" : `, ${width} planes`,
    inChannels === 3 ? "" : `, ${inChannels} input channels`,
  ].join("");
  return `${cardinality > 1 ? "ResNeXt" : "ResNet"} ${layers.join("-")} of ${block} blocks${grouping}${extras}`;
}

function classesText({ numClasses }: ResNetConfig, description: ModelDescription | undefined): string {
  if (numClasses === 0) return "none: the model gives embeddings";
  const names = description?.classes;
  if (names === "imagenet-1k") return "1,000 of ImageNet";
  if (names === undefined || names.length === 0) return `${grouped(numClasses)}, without names in the file`;
  const shown = names.slice(0, 6).map(printable).join(", ");
  return `${grouped(numClasses)}: ${shown}${names.length > 6 ? ", …" : ""}`;
}

function descriptionPairs({ name, preprocessing, provenance }: ModelDescription): [string, string][] {
  const { inputSize, cropPct, interpolation } = preprocessing;
  return [
    ["name", printable(name)],
    ["input", `${inputSize}x${inputSize}, crop ${cropPct}, ${interpolation}`],
    ...metadataPairs(provenance),
  ];
}

function metadataPairs(metadata: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(metadata).map(([name, value]) => [printable(name), printable(value)]);
}
