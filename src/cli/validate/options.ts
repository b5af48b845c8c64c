import type { CommandDefinition, OptionValues } from "../options/command.ts";
import { jsonOption, labelledInputOptions } from "../options/input-output-options.ts";
import { decodeOption, modelOptions, precisionOptions, runOptions } from "../options/model-options.ts";
import { partOption } from "../options/part.ts";
import { queueOfParts } from "../options/queue.ts";
import { flag, text } from "../options/schemas.ts";

/** `validate`: accuracy over labelled images. */
export const validateCommand = {
  operands: {
    "<data...>":
      "a folder of class folders, .tar of the same, WebDataset shards, or Parquet with a label column",
  },
  options: {
    real: {
      flags: "--real <file>",
      about: "real.json: count with ImageNet's reassessed labels too",
      schema: text.optional(),
    },
    subset: {
      flags: "--subset <name>",
      about: "choose among some classes only: imagenet-a, imagenet-r, or a file of class indices",
      schema: text.optional(),
    },
    labels: {
      flags: "--labels <file>",
      about: "class names, one a line, in the order of the model's outputs",
      schema: text.optional(),
    },
    perClass: {
      flags: "--per-class",
      about: "recall, precision and F1 of every class, worst first",
      schema: flag,
    },
    confusion: {
      flags: "--confusion <file>",
      about: "write the confusion matrix: .csv, or .html to look at",
      schema: text.optional(),
    },
    results: {
      flags: "--results <file>",
      about: "append a row to a CSV with timm's columns and the card's claim",
      schema: text.optional(),
    },
    fitTemperature: {
      flags: "--fit-temperature <file>",
      about:
        "write the model as .safetensors with a temperature, which makes its probabilities as often right as they say, and with a value for --unknown-below; takes images that it was not trained on",
      schema: text.optional(),
    },
    json: {
      ...jsonOption,
      about: "print a line of JSON per failed image as it comes, and one with top1 and top5 at the end",
    },
    ...labelledInputOptions,
    ...partOption,
    ...queueOfParts,
    ...modelOptions,
    ...precisionOptions,
    ...decodeOption,
    ...runOptions,
  },
  examples: [
    ["validate imagenet/val -m ssl_resnext50_32x4d", "accuracy next to the card's claim"],
    [
      "validate imagenet/val -m ssl_resnext50_32x4d --real real.json --results results.csv",
      "with ReaL labels, as a row of timm's",
    ],
    [
      "validate imagenet-a.tar -m ssl_resnext50_32x4d --subset imagenet-a",
      "among the 200 classes of ImageNet-A",
    ],
    ["validate my-photos --precision int8 --calibrate my-photos", "what int8 costs in accuracy"],
    ["validate my-photos --weights my.safetensors --confusion confusion.html", "where a model errs"],
    [
      "validate new-photos --weights my.safetensors --fit-temperature sure.safetensors",
      "how sure it may be of its answers",
    ],
  ],
} satisfies CommandDefinition;

export type ValidateOptions = OptionValues<typeof validateCommand.options>;
