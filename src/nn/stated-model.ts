import { ModelError } from "../core/index.ts";
import { imagenetPreprocessing, parsePreprocessing, type Preprocessing } from "../image/index.ts";
import type { Checkpoint } from "../weights/index.ts";
import { family } from "./families/index.ts";

/** What another program wrote beside the weights of a model, as far as it goes. */
export interface StatedModel {
  /** Where it stands: the path of a `config.json`, or the file itself. */
  readonly origin: string;
  /** The architecture's name, with timm's tag where it is known. */
  readonly architecture?: string | undefined;
  readonly numClasses?: number | undefined;
  /** Names of the classes by index; those without a name are absent. */
  readonly classNames?: ReadonlyMap<number, string> | undefined;
  /** What the names stand for, such as ImageNet's words for its ids. */
  readonly descriptions?: ReadonlyMap<string, string> | undefined;
  /** As the model was evaluated. */
  readonly preprocessing?: Preprocessing | undefined;
  /** As it was trained, where that is another size. */
  readonly inTraining?: Preprocessing | undefined;
  readonly outputStride?: number | undefined;
  /** What else was changed about the architecture, in its own names. */
  readonly changes?: readonly string[] | undefined;
  readonly licence?: string | undefined;
}

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Python's None is as good as nothing. */
const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

const numberOf = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);

/**
 * Reads the `config.json` of a model on the Hugging Face hub: timm's, with a `pretrained_cfg` or in the older flat form,
 * or transformers', which has labels only. The images are prepared as timm's `validate` does, at `test_input_size` where
 * there is one.
 *
 * @param preprocessor The text of a `preprocessor_config.json` beside it, which says what transformers' file does not.
 * @returns `undefined` for a JSON file that describes no model
 * @throws ModelError `model/config-json` for one that is broken, or asks for what is not done here
 */
export function parseHubConfig(text: string, file: string, preprocessor?: string): StatedModel | undefined {
  const root = parseObject(text, file);
  const isModel = [
    "architecture",
    "architectures",
    "model_type",
    "pretrained_cfg",
    "id2label",
    "label_names",
  ];
  if (!isModel.some((key) => Object.hasOwn(root, key))) return undefined;
  const nested = isObject(root["pretrained_cfg"]) ? root["pretrained_cfg"] : undefined;
  const settings = nested ?? root;
  const args = isObject(root["model_args"]) ? root["model_args"] : {};
  const architecture = textOf(root["architecture"]) ?? textOf(settings["architecture"]);
  const tag = textOf(settings["tag"]);
  const names = [root, settings].flatMap((where) =>
    ["label_names", "labels", "id2label"].flatMap((key) => (isGiven(where[key]) ? [where[key]] : [])),
  );
  const isTimm = architecture !== undefined || nested !== undefined;
  const pool = textOf(args["global_pool"]) ?? textOf(root["global_pool"]);
  return {
    origin: file,
    architecture: architecture && tag ? `${architecture}.${tag}` : architecture,
    numClasses: numberOf(root["num_classes"]) ?? numberOf(settings["num_classes"]),
    classNames: names[0] === undefined ? undefined : namesByIndex(names[0], file),
    descriptions: descriptionsOf(root["label_descriptions"] ?? settings["label_descriptions"]),
    preprocessing: isTimm
      ? timmPreprocessing(settings, imagenetPreprocessing, file)
      : preprocessor === undefined
        ? undefined
        : transformersPreprocessing(parseObject(preprocessor, file), file),
    inTraining:
      isTimm && isGiven(settings["test_input_size"])
        ? timmPreprocessing(
            { ...settings, test_input_size: null, test_crop_pct: null },
            imagenetPreprocessing,
            file,
          )
        : undefined,
    outputStride: numberOf(args["output_stride"]),
    changes: [
      ...(pool === undefined || pool === "avg" || pool === "fast" ? [] : [`global_pool ${pool}`]),
      ...Object.entries(args).flatMap(([name, value]) =>
        !isGiven(value) || harmless.has(name) ? [] : [`${name} ${JSON.stringify(value)}`],
      ),
    ],
    licence: textOf(settings["license"]),
  };
}

/** Arguments of timm's models that leave a trace in the weights, or change nothing in inference. */
const harmless = new Set([
  ..."num_classes in_chans global_pool output_stride pretrained pretrained_cfg scriptable exportable".split(
    " ",
  ),
  ..."drop_rate drop_path_rate drop_block_rate zero_init_last block layers cardinality base_width".split(" "),
]);

function parseObject(text: string, file: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw refused(file, `is no JSON (${(cause as Error).message}). Mend it, or take it away.`, cause);
  }
  if (isObject(value)) return value;
  throw refused(file, "should hold a JSON object.");
}

function refused(file: string, message: string, cause?: unknown): ModelError {
  return new ModelError("model/config-json", `${file}: ${message}`, cause === undefined ? {} : { cause });
}

/** A list, a dictionary by index, which may leave some out, or one of indices by name. */
function namesByIndex(value: unknown, file: string): ReadonlyMap<number, string> {
  const entries = Array.isArray(value)
    ? value.map((name, index): [unknown, unknown] => [index, name])
    : isObject(value)
      ? Object.entries(value).map(([key, name]): [unknown, unknown] =>
          typeof name === "number" ? [name, key] : [Number(key), name],
        )
      : [];
  const isWhole = entries.every(([index, name]) => isIndex(index) && typeof name === "string");
  if (entries.length > 0 && isWhole) return new Map(entries as [number, string][]);
  throw refused(
    file,
    "the names of the classes should be a list of texts, or a dictionary of them by index.",
  );
}

const isIndex = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

function descriptionsOf(value: unknown): ReadonlyMap<string, string> | undefined {
  if (!isObject(value)) return undefined;
  return new Map(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

/** timm's settings of a model: what they leave out is as in `fallback`, but for the filter, which is bicubic. */
function timmPreprocessing(settings: Json, fallback: Preprocessing, file: string): Preprocessing {
  const mode = textOf(settings["crop_mode"]) ?? "center";
  if (mode !== "center") throw refused(file, `crop_mode ${mode}: images are cropped at the center here.`);
  return checked(
    {
      inputSize: sideOf(settings["test_input_size"] ?? settings["input_size"], file) ?? fallback.inputSize,
      cropPct: settings["test_crop_pct"] ?? settings["crop_pct"] ?? fallback.cropPct,
      interpolation: settings["interpolation"] ?? "bicubic",
      mean: channelsOf(settings["mean"]) ?? fallback.mean,
      std: channelsOf(settings["std"]) ?? fallback.std,
    },
    file,
  );
}

/** Side of [channels, side, side]. @throws ModelError unless it is a square */
function sideOf(value: unknown, file: string): unknown {
  if (!Array.isArray(value)) return value ?? undefined;
  const [height, width] = value.slice(-2) as unknown[];
  if (height === width) return height;
  throw refused(
    file,
    `images of ${String(height)}x${String(width)} are not square, as they have to be here.`,
  );
}

/** One number stands for all three channels. */
function channelsOf(value: unknown): unknown {
  const values = typeof value === "number" ? [value] : value;
  if (!Array.isArray(values)) return undefined;
  return values.length === 1 ? [values[0], values[0], values[0]] : values;
}

function checked(preprocessing: object, file: string): Preprocessing {
  try {
    return parsePreprocessing(preprocessing);
  } catch (cause) {
    throw refused(file, (cause as Error).message, cause);
  }
}

/** Pillow's numbers of the filters that are known here. */
const filters: Readonly<Record<string, string>> = { 2: "bilinear", 3: "bicubic" };

/** What transformers' image processors for a resized short side and a centre crop do. */
function transformersPreprocessing(settings: Json, file: string): Preprocessing {
  const on = (key: string): boolean => settings[key] !== false;
  const size = isObject(settings["size"]) ? settings["size"] : { shortest_edge: settings["size"] };
  const crop = isObject(settings["crop_size"]) ? settings["crop_size"]["height"] : settings["crop_size"];
  const edge = numberOf(size["shortest_edge"]);
  const share = numberOf(settings["crop_pct"]);
  // ConvNext's processor, which ResNets have, resizes to edge / crop_pct and crops edge.
  const [side, cropPct] =
    share !== undefined ? [edge, share] : [numberOf(crop), (numberOf(crop) ?? 0) / (edge ?? 0)];
  const isCropped = share !== undefined ? (edge ?? 384) < 384 : settings["do_center_crop"] !== false;
  if (!on("do_resize") || edge === undefined || side === undefined || !isCropped) {
    throw refused(
      file,
      `its preprocessor_config.json does not resize the short side and crop the center, as is done here.`,
    );
  }
  const factor = 255 * (on("do_rescale") ? (numberOf(settings["rescale_factor"]) ?? 1 / 255) : 1);
  const scaled = (key: string, otherwise: readonly number[]): unknown => {
    const values = on("do_normalize") ? channelsOf(settings[key]) : otherwise;
    return Array.isArray(values) ? values.map((value) => (value as number) / factor) : otherwise;
  };
  return checked(
    {
      inputSize: side,
      cropPct,
      interpolation: filters[JSON.stringify(settings["resample"] ?? 2)] ?? settings["resample"],
      mean: scaled("image_mean", [0, 0, 0]),
      std: scaled("image_std", [1, 1, 1]),
    },
    file,
  );
}

/**
 * What a training program wrote into its checkpoint of the model (`arch`) and of its own arguments (`args`): timm's `train.py`
 * and torchvision's reference script. The images are prepared as they were when the program validated.
 *
 * @returns `undefined` when it says nothing of the model
 */
export function statedByArguments(
  { metadata, arguments: args = {} }: Pick<Checkpoint, "metadata" | "arguments">,
  file: string,
): StatedModel | undefined {
  const architecture = textOf(metadata["arch"]) ?? textOf(args["model"]) ?? textOf(args["arch"]);
  if (architecture === undefined) return undefined;
  const eps = numberOf(args["bn_eps"]);
  const pool = textOf(args["gp"]);
  return {
    origin: file,
    architecture,
    preprocessing: argumentsPreprocessing(args, architecture, file),
    changes: [
      ...(eps === undefined || eps === 1e-5 ? [] : [`bn_eps ${eps}`]),
      ...(pool === undefined || pool === "avg" || pool === "fast" ? [] : [`gp ${pool}`]),
    ],
  };
}

function argumentsPreprocessing(args: Json, architecture: string, file: string): Preprocessing | undefined {
  const size = numberOf(args["img_size"]);
  if ("crop_pct" in args && "img_size" in args) {
    const usual = family.timmRecipe(architecture)?.training;
    const given = Object.fromEntries(
      [...Object.entries(usual ? settingsOf(usual) : {}), ...Object.entries(args)].filter(
        ([, value]) => isGiven(value) && value !== "",
      ),
    );
    return timmPreprocessing(
      { ...given, input_size: size ?? given["input_size"] },
      imagenetPreprocessing,
      file,
    );
  }
  const [crop, resized] = [numberOf(args["val_crop_size"]), numberOf(args["val_resize_size"])];
  if (crop === undefined || resized === undefined) return undefined;
  const interpolation = args["interpolation"] ?? "bilinear";
  return checked({ ...imagenetPreprocessing, inputSize: crop, cropPct: crop / resized, interpolation }, file);
}

const settingsOf = ({ inputSize, cropPct, interpolation, mean, std }: Preprocessing): Json => ({
  input_size: inputSize,
  crop_pct: cropPct,
  interpolation,
  mean,
  std,
});

/**
 * What the metadata of an ONNX model say: names of classes, as JSON or as Python writes a dictionary, and ultralytics' `imgsz`
 * of a classifier, whose pixels go in from 0 to 1.
 *
 * @returns `undefined` when they say nothing of the kind
 */
export function statedByMetadata(
  metadata: Readonly<Record<string, string>>,
  file: string,
): StatedModel | undefined {
  const text = ["names", "label_names", "labels", "classes", "id2label"].flatMap(
    (key) => metadata[key] ?? [],
  )[0];
  const names = text === undefined ? undefined : literalOf(text);
  const side =
    metadata["task"] === "classify" ? (/\d+/.exec(metadata["imgsz"] ?? "")?.[0] ?? "224") : undefined;
  if (names === undefined && side === undefined) return undefined;
  return {
    origin: file,
    classNames: names === undefined ? undefined : namesByIndex(names, file),
    preprocessing:
      side === undefined
        ? undefined
        : { inputSize: Number(side), cropPct: 1, interpolation: "bilinear", mean: [0, 0, 0], std: [1, 1, 1] },
  };
}

/** A list or dictionary in JSON or as Python prints it; `undefined` for other text. */
function literalOf(text: string): unknown {
  const pythons = text
    .replace(/([{,]\s*)(\d+)\s*:/g, '$1"$2":')
    .replace(/'((?:[^'\\]|\\.)*)'/g, (_, inner: string) => JSON.stringify(inner.replace(/\\(['\\])/g, "$1")));
  for (const form of [text, pythons]) {
    try {
      const value: unknown = JSON.parse(form);
      if (typeof value === "object" && value !== null) return value;
    } catch {
      // The other form is tried.
    }
  }
  return undefined;
}
