import { embeddedModel } from "../../nn/embedded-model.ts";
import type { Device } from "../../runtime/index.ts";
import type { OptionTable } from "./option.ts";
import { flag, integer, oneOf, share, text } from "./schemas.ts";

/** Which model, from where, and how it sees images. */
export interface ModelOptions {
  readonly model: string | undefined;
  readonly weights: string | undefined;
  readonly offline: boolean;
  readonly inputSize: number | undefined;
  readonly cropPct: number | undefined;
  readonly interpolation: "bilinear" | "bicubic" | undefined;
}

const group = "Model:";

export const modelOptions: OptionTable<ModelOptions> = {
  model: {
    flags: "-m, --model <name>",
    about: `a name of the list of models (default: ${embeddedModel}, which is in the package, or what --weights holds)`,
    group,
    schema: text.optional(),
  },
  weights: {
    flags: "-w, --weights <file>",
    about: "a .pth or .safetensors file instead of the published weights, or an .onnx that export wrote",
    group,
    schema: text.optional(),
  },
  offline: { flags: "--offline", about: "never download: use what the cache holds", group, schema: flag },
  inputSize: {
    flags: "--input-size <pixels>",
    alias: "--img-size",
    about: "side of the square that the model sees (default: the model's)",
    group,
    schema: integer(1, 4096).optional(),
  },
  cropPct: {
    flags: "--crop-pct <share>",
    about: "share of the resized image that the crop keeps (default: the model's)",
    group,
    schema: share.optional(),
  },
  interpolation: {
    flags: "--interpolation <filter>",
    about: "bilinear or bicubic resize (default: the model's)",
    group,
    schema: oneOf(["bilinear", "bicubic"]).optional(),
  },
};

/** Where the model runs and how the machine is shared out. */
export interface RunOptions {
  readonly device: Device;
  readonly batchSize: number | undefined;
  readonly workers: number | undefined;
  readonly threads: number | undefined;
}

const runGroup = "Execution (chosen from cores, memory and model unless given):";

export const runOptions: OptionTable<RunOptions> = {
  device: {
    flags: "-d, --device <device>",
    about: "cpu or webgpu; cuda, dml and coreml where the runtime has them",
    group: runGroup,
    schema: oneOf(["cpu", "webgpu", "cuda", "dml", "coreml"] satisfies Device[]).default("cpu"),
  },
  batchSize: {
    flags: "-b, --batch-size <images>",
    about: "images per run of the model",
    group: runGroup,
    schema: integer(1, 4096).optional(),
  },
  workers: {
    flags: "--workers <count>",
    about: "sessions that share the work, each with its own copy of the weights",
    group: runGroup,
    schema: integer(1, 1024).optional(),
  },
  threads: {
    flags: "--threads <count>",
    about: "cores per session",
    group: runGroup,
    schema: integer(1, 1024).optional(),
  },
};
