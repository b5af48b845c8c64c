import type { LoadedCommand } from "./command.ts";

/** A command as the list of commands shows it; its code is loaded when it is asked for. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<LoadedCommand>;
}

/** Every command, in the order of the help. */
export const commandTable: readonly CommandEntry[] = [
  {
    name: "models",
    summary: "list the models with trained weights",
    load: async () => (await import("./commands/models.ts")).modelsCommand,
  },
  {
    name: "info",
    summary: "show a model's card and layers, or what a weights file holds",
    load: async () => (await import("./commands/info.ts")).infoCommand,
  },
  {
    name: "classify",
    summary: "say what images show",
    load: async () => (await import("./commands/classify.ts")).classifyCommand,
  },
  {
    name: "embed",
    summary: "turn images into feature vectors or feature maps",
    load: async () => (await import("./commands/embed.ts")).embedCommand,
  },
  {
    name: "validate",
    summary: "measure a model's accuracy over labelled images",
    load: async () => (await import("./commands/validate.ts")).validateCommand,
  },
  {
    name: "train",
    summary: "train or fine-tune a model on your own labelled images",
    load: async () => (await import("./commands/train.ts")).trainCommand,
  },
  {
    name: "semi",
    summary: "train a student on labelled and unlabelled images",
    load: async () => (await import("./commands/semi/index.ts")).semiCommands,
  },
  {
    name: "export",
    summary: "write a model as ONNX or safetensors",
    load: async () => (await import("./commands/export.ts")).exportCommand,
  },
  {
    name: "average",
    summary: "average checkpoints of one model",
    load: async () => (await import("./commands/average.ts")).averageCommand,
  },
  {
    name: "benchmark",
    summary: "measure the images a second of a model",
    load: async () => (await import("./commands/benchmark.ts")).benchmarkCommand,
  },
];
