import { extname } from "node:path";
import { UsageError } from "../core/index.ts";
import type { OpenFile } from "../core/storage/index.ts";
import {
  decodeDescription,
  encodeDescription,
  family,
  networkWeights,
  withoutAccuracy,
} from "../nn/index.ts";
import { openFileSource } from "../node/files/file-storage.ts";
import { writeFileAtomic } from "../node/files/file-system.ts";
import { averageStateDicts, encodeSafetensors, openCheckpoint, type Checkpoint } from "../weights/index.ts";
import type { CommandDefinition, OptionValues, Outcome } from "./options/command.ts";
import { jsonOption } from "./options/input-output-options.ts";
import { flag, text } from "./options/schemas.ts";
import { bytes, plural } from "./output/numbers.ts";
import type { Terminal } from "./output/terminal.ts";

/** `average`: several checkpoints of one model as their mean. */
export const averageCommand = {
  operands: { "<checkpoints...>": ".pth or .safetensors files of the same model" },
  options: {
    output: { flags: "-o, --output <file>", about: "the .safetensors to write (required)", schema: text },
    ema: {
      flags: "--ema",
      about: "take the averaged weights (state_dict_ema) of training checkpoints",
      schema: flag,
    },
    json: jsonOption,
  },
  examples: [
    [
      "average checkpoint-28.pth checkpoint-29.pth checkpoint-30.pth -o mean.safetensors",
      "the mean of three",
    ],
  ],
} satisfies CommandDefinition;

/** Averages checkpoints and writes the mean. */
export async function average(
  files: readonly string[],
  { output, ema, json }: OptionValues<typeof averageCommand.options>,
  terminal: Terminal,
): Promise<Outcome> {
  if (extname(output) !== ".safetensors") {
    throw new UsageError("usage/average", `--output ${output}: end it in .safetensors, the format it is in.`);
  }
  const sources: OpenFile[] = [];
  try {
    const checkpoints: Checkpoint[] = [];
    for (const file of files) {
      const source = await openFileSource(file);
      sources.push(source);
      const checkpoint = await openCheckpoint(source, { ema });
      checkpoints.push({ ...checkpoint, tensors: networkWeights(checkpoint, file).tensors });
    }
    checkSameClasses(checkpoints, files);
    const mean = averageStateDicts(checkpoints.map(({ tensors }) => tensors));
    const file = encodeSafetensors(mean, metadataOf(checkpoints, files));
    terminal.status(() => terminal.noticeStyle.dim(`writing ${output} …`));
    await writeFileAtomic(output, file.chunks, { signal: terminal.signal });
    terminal.clearStatus();
    await terminal.print([
      json
        ? JSON.stringify({ output, checkpoints: files, tensors: mean.size, bytes: file.size })
        : `${output}: the mean of ${plural(files.length, "checkpoint")}, ${bytes(file.size)}`,
    ]);
    return "ok";
  } finally {
    await Promise.all(sources.map((source) => source.close()));
  }
}

/** @throws UsageError `usage/average` for files whose classes are not the same, in the same order. */
function checkSameClasses(checkpoints: readonly Checkpoint[], files: readonly string[]): void {
  const named = checkpoints.flatMap(({ metadata }, index) => {
    const classes = decodeDescription(metadata, files[index]!)?.classes;
    return classes === undefined || classes.length === 0 ? [] : [{ file: files[index]!, classes }];
  });
  const [first] = named;
  const other = named.find(({ classes }) => JSON.stringify(classes) !== JSON.stringify(first?.classes));
  if (!first || !other) return;
  const shown = ({ file, classes }: typeof first): string =>
    `${file}: ${typeof classes === "string" ? classes : classes.slice(0, 6).join(", ") + (classes.length > 6 ? ", …" : "")}`;
  throw new UsageError(
    "usage/average",
    `Expected models of the same classes in the same order, whose mean means something. ${shown(first)}; ${shown(other)}.`,
  );
}

/** The last checkpoint's description, with what was averaged in its provenance. */
function metadataOf(
  checkpoints: readonly Checkpoint[],
  files: readonly string[],
): Readonly<Record<string, string>> {
  const { metadata, tensors } = checkpoints.at(-1)!;
  const config = family.detect(tensors);
  const description = decodeDescription(metadata, files.at(-1)!) ?? {
    name: "average",
    config,
    classes: config.numClasses === 1000 ? ("imagenet-1k" as const) : [],
    preprocessing: family.preprocessing(config),
    provenance: {},
  };
  return encodeDescription({
    ...description,
    provenance: { ...withoutAccuracy(description.provenance), averaged: files.join(", ") },
  });
}
