import * as z from "zod";
import { embeddedModel } from "../../nn/model-cards.ts";
import { engineDevices, engines, floatPrecisions, precisions } from "../../runtime/engine.ts";
import type { OptionTable, OptionValues } from "./command.ts";
import { channels, flag, integer, oneOf, share, text } from "./schemas.ts";

const modelGroup = "Model:";

/** Which weights of a file that holds several. */
export const whichWeights = {
  key: {
    flags: "--key <name>",
    about: "which weights of a file that holds several: a name such as student, or the prefix of their names",
    group: modelGroup,
    schema: text.optional(),
  },
  ema: {
    flags: "--ema",
    about: "take the averaged weights of a training checkpoint, such as state_dict_ema",
    group: modelGroup,
    schema: flag,
  },
} satisfies OptionTable;

/** Which model, from where, and how it sees images. */
export const modelOptions = {
  model: {
    flags: "-m, --model <name>",
    about: `a name of the list of models (default: ${embeddedModel}, which is in the package, or what --weights holds)`,
    group: modelGroup,
    schema: text.optional(),
  },
  weights: {
    flags: "-w, --weights <file>",
    about:
      "a .pth, .safetensors or .onnx file, or the folder of a run or of a model with its config.json, instead of the published weights",
    group: modelGroup,
    schema: text.optional(),
  },
  ...whichWeights,
  offline: {
    flags: "--offline",
    about: "never download: use what the cache holds",
    group: modelGroup,
    schema: flag,
  },
  inputSize: {
    flags: "--input-size <pixels>",
    alias: "--img-size",
    about: "side of the square that the model sees (default: the model's)",
    group: modelGroup,
    schema: integer(1, 4096).optional(),
  },
  cropPct: {
    flags: "--crop-pct <share>",
    about: "share of the resized image that the crop keeps (default: the model's)",
    group: modelGroup,
    schema: share.optional(),
  },
  interpolation: {
    flags: "--interpolation <filter>",
    about: "bilinear or bicubic resize (default: the model's)",
    group: modelGroup,
    schema: oneOf(["bilinear", "bicubic"]).optional(),
  },
  mean: {
    flags: "--mean <values>",
    about:
      "mean of red, green and blue on the scale 0 to 1, with commas between, or one for all (default: the model's)",
    group: modelGroup,
    schema: channels(-10).optional(),
  },
  std: {
    flags: "--std <values>",
    about: "their standard deviation (default: the model's)",
    group: modelGroup,
    schema: channels(1e-6).optional(),
  },
  exif: {
    flags: "--exif",
    about: "turn photographs upright as their EXIF orientation says (default: as the model's file says)",
    negated: "take them as they are stored, as timm does",
    group: modelGroup,
    schema: z.boolean().optional(),
  },
} satisfies OptionTable;

export type ModelOptions = OptionValues<typeof modelOptions>;

const runGroup = "Execution (chosen from cores, memory and model unless given):";

const engineNames = ["auto", ...engines] as const;

/** Where the model runs and how the machine is shared out. */
export const runOptions = {
  engine: {
    flags: "--engine <engine>",
    about:
      "onnxruntime, openvino where it is installed, or auto: the faster, as measured on this machine once",
    group: runGroup,
    schema: oneOf(engineNames).default("onnxruntime"),
  },
  device: {
    flags: "-d, --device <device>",
    about: "cpu or webgpu; cuda, dml and coreml where the runtime has them; gpu and npu of openvino",
    group: runGroup,
    schema: oneOf([...new Set(engines.flatMap((engine) => engineDevices[engine]))]).default("cpu"),
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
  verbose: {
    flags: "--verbose",
    about: "say what of these was chosen, and why",
    group: runGroup,
    schema: flag,
  },
} satisfies OptionTable;

export type RunOptions = OptionValues<typeof runOptions>;

/** How photographs become pixels. */
export const decodeOption = {
  decode: {
    flags: "--decode <mode>",
    about:
      "exact, as timm and Pillow; fast: large JPEGs at a fraction of their size, other pixels (default: exact)",
    group: modelGroup,
    schema: oneOf(["exact", "fast"]).optional(),
  },
} satisfies OptionTable;

export type DecodeOption = OptionValues<typeof decodeOption>;

const precisionGroup = "Precision:";

/** What 8-bit arithmetic is told about the model's activations. */
export const calibrationOptions = {
  calibrate: {
    flags: "--calibrate <data>",
    about: "int8: images of the kind that will come, labelled or not; a folder, archive or glob",
    group: precisionGroup,
    schema: text.optional(),
  },
  calibrationImages: {
    flags: "--calibration-images <count>",
    about: "int8: how many of them to look at (default: 256)",
    group: precisionGroup,
    schema: integer(1).optional(),
  },
  reduceRange: {
    flags: "--reduce-range",
    about: "int8: filters of 7 bits (default: where this CPU's sums of 8-bit products are not exact)",
    group: precisionGroup,
    schema: flag,
  },
} satisfies OptionTable;

export type CalibrationOptions = OptionValues<typeof calibrationOptions>;

/** What a model computes in. */
export const precisionOptions = {
  precision: {
    flags: "--precision <precision>",
    about:
      "fp32; int8, more than twice as fast on the CPU and a little less exact, needs --calibrate; bf16 with --engine openvino",
    group: precisionGroup,
    schema: oneOf(precisions).optional(),
  },
  ...calibrationOptions,
} satisfies OptionTable;

export type PrecisionOptions = OptionValues<typeof precisionOptions>;

const trainingGroup = "Execution:";

/** What embeds images for a run, whose folder says what it began with. */
export const embeddingOptions = {
  engine: {
    ...runOptions.engine,
    about:
      "what embeds images: onnxruntime, openvino where it is installed, or auto, the faster one (default: onnxruntime, or what the run began with)",
    group: trainingGroup,
    schema: oneOf(engineNames).optional(),
  },
  precision: {
    flags: "--precision <precision>",
    about:
      "of the embeddings: fp32, or bf16 with --engine openvino (default: fp32, or what the run began with)",
    group: trainingGroup,
    schema: oneOf(floatPrecisions).optional(),
  },
} satisfies OptionTable;

/** Where a training runs and how the machine is shared out. */
export const trainingOptions = {
  device: {
    ...runOptions.device,
    about: "cpu or webgpu; cuda, dml and coreml where the runtime has them",
    group: trainingGroup,
    schema: oneOf(engineDevices.onnxruntime).default("cpu"),
  },
  threads: {
    ...runOptions.threads,
    about: "cores of a step, and of each session that embeds or scores (default: all)",
    group: trainingGroup,
  },
  workers: {
    flags: "--workers <count>",
    about:
      "threads that read and augment images, and sessions that embed or score (default: one a core, at most 8)",
    group: trainingGroup,
    schema: integer(1, 256).optional(),
  },
} satisfies OptionTable;

const ranksGroup = "Several processes and machines (Open MPI and koffi; docs/clusters.md):";

/** Which processes share a training. */
export const ranksOptions = {
  ranks: {
    flags: "--ranks <count>",
    about: "train with so many processes on this host, each with its share of every batch",
    group: ranksGroup,
    schema: integer(1, 1024).optional(),
  },
  hosts: {
    flags: "--hosts <names>",
    about: "train with processes on several hosts, as a:2,b:2",
    group: ranksGroup,
    schema: text.optional(),
  },
  peerTimeout: {
    flags: "--peer-timeout <seconds>",
    about: "end with exit code 75 when another process gives no sign of life for so long (default: 60)",
    group: ranksGroup,
    schema: integer(1, 86_400).optional(),
  },
} satisfies OptionTable;
