import { extname } from "node:path";
import { UsageError } from "../core/index.ts";
import { writeBytes } from "../core/storage/index.ts";
import {
  decodeDescription,
  encodeDescription,
  family,
  networkWeights,
  type ModelDescription,
  withoutAccuracy,
} from "../nn/index.ts";
import { nodePlatform } from "../node/platform.ts";
import {
  averageStateDicts,
  encodeSafetensors,
  openWeights,
  weightsFile,
  type Checkpoint,
  type OpenedWeights,
} from "../weights/index.ts";
import type { CommandDefinition, OptionValues, Outcome } from "./options/command.ts";
import { jsonOption } from "./options/input-output-options.ts";
import { whichWeights } from "./options/model-options.ts";
import { flag, text } from "./options/schemas.ts";
import { bytes, plural } from "./output/numbers.ts";
import type { Terminal } from "./output/terminal.ts";

// Apart from the other options of models it needs no heading.
const { group: _, ...whichKey } = whichWeights.key;

/** `average`: several checkpoints of one model as their mean. */
export const averageCommand = {
  operands: { "<checkpoints...>": ".pth or .safetensors files of the same model, or folders of runs" },
  options: {
    output: { flags: "-o, --output <file>", about: "the .safetensors to write (required)", schema: text },
    key: whichKey,
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
  given: readonly string[],
  { output, key, ema, json }: OptionValues<typeof averageCommand.options>,
  terminal: Terminal,
): Promise<Outcome> {
  if (extname(output) !== ".safetensors") {
    throw new UsageError("usage/average", `--output ${output}: end it in .safetensors, the format it is in.`);
  }
  const { storageFor } = nodePlatform;
  const files = await Promise.all(given.map((path) => weightsFile(storageFor, path)));
  const opened: OpenedWeights[] = [];
  try {
    for (const file of files) opened.push(await openWeights(storageFor, file, { key, ema }));
    const checkpoints = opened.map(({ checkpoint }, index) => ({
      ...checkpoint,
      tensors: networkWeights(checkpoint, files[index]!, key).tensors,
    }));
    checkAgreement(checkpoints, files);
    const mean = averageStateDicts(checkpoints.map(({ tensors }) => tensors));
    const file = encodeSafetensors(mean, metadataOf(checkpoints, files));
    terminal.status(() => terminal.noticeStyle.dim(`writing ${output} …`));
    await writeBytes(storageFor(output), output, file.chunks, { signal: terminal.signal });
    terminal.clearStatus();
    await terminal.print([
      json
        ? JSON.stringify({ output, checkpoints: files, tensors: mean.size, bytes: file.size })
        : `${output}: the mean of ${plural(files.length, "checkpoint")}, ${bytes(file.size)}`,
    ]);
    return "ok";
  } finally {
    await Promise.all(opened.map((weights) => weights[Symbol.asyncDispose]()));
  }
}

/** What has to be the same of all for their mean to mean something. */
const agreed: readonly (readonly [what: string, of: (description: ModelDescription) => unknown])[] = [
  ["the same classes in the same order", ({ classes }) => (classes.length === 0 ? undefined : classes)],
  ["the same preprocessing", ({ preprocessing }) => preprocessing],
];

/** @throws UsageError `usage/average` for files that say of themselves that they are of other classes or preprocessing. */
function checkAgreement(checkpoints: readonly Checkpoint[], files: readonly string[]): void {
  const described = checkpoints.flatMap(({ metadata }, index) => {
    const description = decodeDescription(metadata, files[index]!);
    return description === undefined ? [] : [{ file: files[index]!, description }];
  });
  for (const [what, valueOf] of agreed) {
    const said = described.flatMap(({ file, description }) => {
      const value = valueOf(description);
      return value === undefined ? [] : [{ file, text: JSON.stringify(value) }];
    });
    const [first] = said;
    const other = said.find(({ text: its }) => its !== first?.text);
    if (!first || !other) continue;
    const shown = ({ file, text: its }: typeof first): string =>
      `${file}: ${its.length > 200 ? `${its.slice(0, 200)} …` : its}`;
    throw new UsageError(
      "usage/average",
      `Expected models of ${what}, whose mean means something. ${shown(first)}; ${shown(other)}.`,
    );
  }
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
    confidence: undefined,
    provenance: { ...withoutAccuracy(description.provenance), averaged: files.join(", ") },
  });
}
