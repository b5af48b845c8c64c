import { UsageError } from "../core/index.ts";
import {
  embeddedModel,
  family,
  isGraphConfig,
  modelConfig,
  timmName,
  type NetworkDescription,
} from "../nn/index.ts";
import { calibrateModel, createModel, openImages, openModel as openSource } from "../node/library.ts";
import type { ExecutionOptions } from "../predict/pipeline/image-pipeline.ts";
import type { CreateModelOptions } from "../predict/create-model.ts";
import type { ModelSource, WeightsNotice } from "../predict/open-model.ts";
import type { Engine } from "../runtime/index.ts";
import {
  defaultCalibrationImages,
  type Calibration,
  type Computation,
  type Model,
} from "../predict/index.ts";
import type {
  CalibrationOptions,
  ModelOptions,
  PrecisionOptions,
  DecodeOption,
  RunOptions,
} from "./options/model-options.ts";
import { plural } from "./output/numbers.ts";
import { hubNotices, imageProgress } from "./output/progress.ts";
import { leftOutLines } from "./output/closing-lines.ts";
import type { Terminal } from "./output/terminal.ts";

/** The options of a model as the library takes them. */
export function modelSettings(
  options: ModelOptions,
  terminal: Terminal,
): Omit<CreateModelOptions, "device" | "plan" | "decode" | "precision" | "calibration"> {
  const { weights, key, ema, inputSize, cropPct, interpolation, mean, std, exif, offline } = options;
  return {
    pretrained: weights === undefined,
    // Without a name, the file itself says what it holds.
    ...(weights !== undefined && options.model !== undefined ? { weights } : {}),
    key,
    ema,
    preprocessing: defined({ inputSize, cropPct, interpolation, mean, std, exifOrientation: exif }),
    hub: { ...(offline ? { offline: "--offline" } : {}), onEvent: hubNotices(terminal) },
    onNotice: weightsNotices(terminal),
    signal: terminal.signal,
  };
}

/** Says what is worth knowing of weights, once, however often they are opened. @param about What alone matters */
export function weightsNotices(
  terminal: Terminal,
  about?: WeightsNotice["about"],
): (notice: WeightsNotice) => void {
  const said = new Set<string>();
  return ({ message, ...notice }) => {
    if (said.has(message) || (about !== undefined && notice.about !== about)) return;
    said.add(message);
    terminal.notice(message);
  };
}

/** What the library is asked for by name: the model, or the file that stands in for it. */
export function modelName({ model, weights }: ModelOptions): string {
  // As a path, a file is told from a name whatever it ends in.
  return model ?? (weights === undefined ? embeddedModel : asPath(weights));
}

/**
 * Opens the model that the command line names.
 *
 * @throws UsageError `usage/other-model` when the weights say that they are of another model than `--model`.
 */
export async function openModel(
  options: ModelOptions & RunOptions & PrecisionOptions & DecodeOption,
  terminal: Terminal,
  more: Pick<CreateModelOptions, "classes" | "onNotice"> = {},
): Promise<Model> {
  const { engine, device, batchSize, workers, threads } = options;
  const [name, settings] = [modelName(options), modelSettings(options, terminal)];
  const calibration = await calibrationFor(
    () => openSource(name, { ...settings, ...more }),
    options,
    terminal,
  );
  const model = await createModel(name, {
    ...settings,
    ...(options.precision === undefined ? {} : { precision: options.precision }),
    ...(calibration ? { calibration, reduceRange: options.reduceRange || undefined } : {}),
    engine,
    device,
    decode: { mode: options.decode },
    plan: { batchSize, workers, threadsPerWorker: threads },
    ...more,
  });
  checkArchitecture(options, model);
  noticeDefault(options, model.description, terminal);
  noticeAssumed(model.description, terminal);
  return model;
}

/** Says which model answers when none was named, and what it does not know. */
export function noticeDefault(
  { model, weights }: ModelOptions,
  { name, config, preprocessing: { inputSize } }: NetworkDescription,
  terminal: Terminal,
): void {
  if (model !== undefined || weights !== undefined) return;
  terminal.notice(
    `no --model given: ${name} answers, which knows ${config.numClasses} classes of pictures of ` +
      `${inputSize}x${inputSize} only; ssl-resnext models lists others`,
  );
}

/** Says when nobody said how an ONNX file wants its images. */
function noticeAssumed(
  { name, provenance, preprocessing: { inputSize, cropPct, interpolation } }: NetworkDescription,
  terminal: Terminal,
): void {
  if (provenance["preprocessing"] === undefined) return;
  terminal.notice(
    `nothing says how ${name} wants its images: as ImageNet's models is assumed, ${inputSize}x${inputSize}, crop ${cropPct}, ` +
      `${interpolation}, ImageNet's mean and std; --crop-pct, --interpolation, --mean and --std, or a config.json beside it, say otherwise`,
  );
}

function checkArchitecture({ model: named, weights }: ModelOptions, { description }: Model): void {
  if (named === undefined || weights === undefined) return;
  const { config } = description;
  const asked = family.architecture(modelConfig(named));
  const held = isGraphConfig(config) ? "an ONNX model" : family.architecture(config);
  if (asked === held) return;
  throw new UsageError(
    "usage/other-model",
    `--model ${named} is ${asked}, and ${weights} says that it holds ${description.name}, ${held}: leave --model out.`,
  );
}

/** Says that images should have been turned and were not, unless that was asked for. */
export function noticeUnturned(
  { exif }: ModelOptions,
  { unturned, preparesInside }: Model,
  terminal: Terminal,
): void {
  if (unturned === 0 || exif !== undefined) return;
  const remedy = preparesInside
    ? "the ONNX file prepares them itself: turn them first, or name the weights that it was made of, with --exif"
    : "--exif turns them";
  terminal.notice(
    `${plural(unturned, "image")} ${unturned === 1 ? "says that it lies on its" : "say that they lie on their"} side ` +
      "(EXIF orientation), and this model takes images as they are stored; " +
      remedy,
  );
}

/** Opens the model's sessions and says how the machine is shared out, if that was asked for. @returns what runs them */
export async function openSessions(
  model: Model,
  computation: Computation,
  images: number | undefined,
  { verbose }: Pick<RunOptions, "verbose">,
  terminal: Terminal,
): Promise<Engine> {
  terminal.status(() => terminal.noticeStyle.dim("opening the model …"));
  const { plan, engine } = await model.opened(computation, images, terminal.signal);
  terminal.clearStatus();
  if (verbose) terminal.notice(terminal.noticeStyle.dim(`${engine}, ${plan.reason}`));
  return engine;
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Leaves out what is undefined. */
function defined<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>;
}

/** A file of weights or the folder of a run as what no name of a model can be taken for. */
export const asPath = (file: string): string =>
  /[/\\]/.test(file) && timmName(file) === undefined ? file : `./${file}`;

type Given = Pick<CalibrationOptions, "calibrate" | "calibrationImages"> &
  Partial<Pick<CalibrationOptions, "reduceRange">> & {
    readonly precision: string | undefined;
    readonly vnni?: boolean;
    /** What measures. @default "onnxruntime" */
    readonly engine?: ExecutionOptions["engine"];
  };

/**
 * Checks that int8 and the images for it come together.
 *
 * @throws UsageError `usage/no-calibration` for int8 without images, `usage/precision` for images without int8.
 */
export function checkCalibration({
  precision,
  calibrate,
  calibrationImages,
  reduceRange,
  vnni,
}: Given): string | undefined {
  if (precision === "int8") {
    if (calibrate !== undefined) return calibrate;
    throw new UsageError(
      "usage/no-calibration",
      "--precision int8 needs --calibrate DATA: a few hundred images of the kind that will be classified.",
    );
  }
  const [given] = [
    ...(calibrate === undefined ? [] : ["--calibrate"]),
    ...(calibrationImages === undefined ? [] : ["--calibration-images"]),
    ...(reduceRange ? ["--reduce-range"] : []),
    ...(vnni ? ["--vnni"] : []),
  ];
  if (given === undefined) return undefined;
  throw new UsageError("usage/precision", `${given} belongs to --precision int8.`);
}

/** Measures the ranges that int8 needs over the images named for it; gives nothing for other precisions. */
export async function calibrationFor(
  source: () => Promise<ModelSource>,
  options: Given,
  terminal: Terminal,
): Promise<Calibration | undefined> {
  const data = checkCalibration(options);
  if (data === undefined) return undefined;
  const { signal } = terminal;
  const images = await openImages([data], { readLabels: false, signal });
  const count = options.calibrationImages ?? defaultCalibrationImages;
  const progress = imageProgress(Math.min(images.size ?? count, count), terminal);
  terminal.status(() => terminal.noticeStyle.dim("measuring the ranges of activations …"));
  const calibration = await calibrateModel(await source(), images, {
    images: count,
    engine: options.engine,
    onProgress: (done) => progress(done, 0),
    signal,
  });
  terminal.clearStatus();
  if (calibration.failed > 0) {
    terminal.notice(`${plural(calibration.failed, "calibration image")} could not be read.`);
  }
  for (const line of leftOutLines(images.leftOut)) terminal.notice(line);
  if (calibration.doubt !== undefined) {
    terminal.notice(
      `${terminal.noticeStyle.warning("warning")} all ${plural(calibration.images, "calibration image")} are ${calibration.doubt}: ` +
        "int8 is likely to be wrong for others; give some of every kind that will come",
    );
  }
  return calibration;
}
