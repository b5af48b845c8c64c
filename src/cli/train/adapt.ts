import { printable } from "../../core/index.ts";
import { writeBytes } from "../../core/storage/index.ts";
import { nodePlatform } from "../../node/platform.ts";
import { trainModel } from "../../node/training.ts";
import type { Recipe } from "../../train/recipe/fields.ts";
import type { CommandDefinition, OptionValues, Outcome } from "../options/command.ts";
import { givenValues } from "../options/field-option.ts";
import { imageOperand, inputOptions } from "../options/input-output-options.ts";
import { ranksOptions, trainingOptions } from "../options/model-options.ts";
import { flag, text } from "../options/schemas.ts";
import type { Terminal } from "../output/terminal.ts";
import { recipeOptions, trainCommand } from "./options.ts";
import { showTraining, trainingOf } from "./run.ts";
import { nextCommand } from "./view.ts";
import { withRanks } from "./with-ranks.ts";

/** Values of the recipe that people change here; `train -r adapt` takes all of them. */
const adaptKeys = [
  "epochs",
  "images",
  "batchSize",
  "microBatch",
  "learningRate",
  "temperature",
  "exif",
  "inputSize",
  "seed",
  "saveMinutes",
] as const satisfies readonly (keyof Recipe)[];

const adaptFlags = Object.fromEntries(adaptKeys.map((key) => [key, recipeOptions[key]])) as Pick<
  typeof recipeOptions,
  (typeof adaptKeys)[number]
>;

const ofTrain = trainCommand.options;

/** `adapt`: from a trained network and images without labels to a network that tells such images apart better. */
export const adaptCommand = {
  operands: { "<images...>": `${imageOperand}; labels are not looked at` },
  options: {
    out: {
      flags: "-o, --out <file>",
      about:
        "the .safetensors to write; history, checkpoints and report go into a folder beside it (required)",
      schema: text.refine(
        (path) => path.endsWith(".safetensors"),
        "expected a name that ends in .safetensors",
      ),
    },
    resume: ofTrain.resume,
    json: ofTrain.json,
    model: ofTrain.model,
    weights: ofTrain.weights,
    key: ofTrain.key,
    ema: ofTrain.ema,
    scratch: {
      ...ofTrain.scratch,
      about: "start from random weights: takes far more images and epochs",
      schema: flag,
    },
    offline: ofTrain.offline,
    imageColumn: inputOptions.imageColumn,
    ...trainingOptions,
    ...ranksOptions,
    ...adaptFlags,
  },
  examples: [
    [
      "adapt photos -m ssl_resnext50_32x4d -o adapted.safetensors",
      "continue the network's training on your photos, without labels",
    ],
    ["adapt photos -w my.pth --epochs 6 -o adapted.safetensors --resume", "half as long; go on after Ctrl-C"],
  ],
} satisfies CommandDefinition;

/** Adapts a network to images without labels. */
export async function adapt(
  images: readonly string[],
  options: OptionValues<typeof adaptCommand.options>,
  terminal: Terminal,
): Promise<Outcome> {
  const { out } = options;
  const folder = out.replace(/\.safetensors$/, ".run");
  const storage = nodePlatform.storageFor(folder);
  const values = { base: "adapt", ...givenValues(options, adaptKeys) };
  return withRanks(options, terminal, async (ranks, shown) => {
    const events = trainModel({
      ...trainingOf(options, shown),
      data: images,
      out: folder,
      recipe: [{ name: "the command line", values }],
      ranks,
    });
    await showTraining(events, options, shown);
    if (ranks && ranks.rank > 0) return "ok";
    await writeBytes(storage, out, storage.stream(storage.join(folder, "best.safetensors")));
    if (!options.json) {
      await shown.print([
        `${printable(out)} holds the adapted network, without a classifier`,
        nextCommand(out, false),
      ]);
    }
    return "ok";
  });
}
