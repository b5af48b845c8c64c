import { elementCount, UsageError, type Tensor } from "../../core/index.ts";
import { allocate } from "../../core/tensor.ts";
import type { HeldPrecision } from "../../graph/index.ts";
import type { Preprocessing } from "../../image/index.ts";
import {
  engineDevices,
  engines,
  type Device,
  type Engine,
  type FloatPrecision,
  type Platform,
  type Precision,
  type Session,
} from "../../runtime/index.ts";
import type { Tensors } from "../../runtime/engine-session.ts";
import type { EngineSubject } from "../../runtime/platform.ts";

/** What a network computes in, or what an ONNX file was exported in. */
export type AnyPrecision = Precision | HeldPrecision;

/** What the floats of a network are multiplied in; those that 8 bits leave, in float32. */
export const floatsOf = (precision: AnyPrecision): FloatPrecision => (precision === "bf16" ? "bf16" : "fp32");

/** Which engine a caller wants, and where. */
export interface EngineChoice {
  /**
   * What runs the network. `openvino` needs OpenVINO installed, and the package koffi; `auto` takes the faster one of those that are
   * there, as measured on this machine.
   *
   * @default "onnxruntime"
   */
  readonly engine?: Engine | "auto" | undefined;
  /** @default "cpu" */
  readonly device?: Device | undefined;
}

/** What the speed of engines is remembered for. */
export const engineSubject = (
  network: string,
  { inputSize }: Pick<Preprocessing, "inputSize">,
  precision: AnyPrecision,
  batchSize: number,
): EngineSubject => ({
  network: `${network}, ${inputSize}x${inputSize}, ${precision}`,
  batch: batchSize === 1 ? "one" : "many",
});

/** A network whose speed is to be measured. */
export interface TimedSubject {
  readonly subject: EngineSubject;
  readonly batchSize: number;
  /** Opens it with this engine. */
  readonly open: (engine: Engine) => Promise<Session>;
  /** Type and shape of what goes in. */
  readonly dtype: "float32" | "uint8";
  readonly dims: readonly number[];
  /** Further inputs. @default none */
  readonly feeds?: Tensors | undefined;
}

/**
 * The engine that a network runs on: the one that is asked for, or of those that have the device and the precision the one that was
 * the faster here; where that is not known, both are timed for a few seconds.
 *
 * @throws UsageError `usage/engine`; SessionError as the engines throw it
 */
export async function chooseEngine(
  { fasterEngine }: Pick<Platform, "fasterEngine">,
  { engine = "onnxruntime", device = "cpu" }: EngineChoice,
  precision: AnyPrecision,
  timed: TimedSubject,
): Promise<Engine> {
  if (engine !== "auto" && !engines.includes(engine)) {
    throw new UsageError("usage/engine", `engine: expected auto, ${engines.join(" or ")}, got ${engine}.`);
  }
  if (engine !== "auto") return engine;
  const able = enginesFor(device, precision);
  const [first = "onnxruntime", ...others] = able;
  if (others.length === 0 || !fasterEngine) return first;
  return fasterEngine(able, timed.subject, (candidate) => millisecondsAnImage(candidate, timed));
}

/** The engines that compute in this precision on this device. */
export const enginesFor = (device: Device, precision: AnyPrecision): readonly Engine[] =>
  engines.filter(
    (engine) => engineDevices[engine].includes(device) && (precision !== "bf16" || engine === "openvino"),
  );

/** At least this long is measured: the fastest run counts, which other programs disturb least. */
const measuredMilliseconds = 1000;

async function millisecondsAnImage(engine: Engine, timed: TimedSubject): Promise<number> {
  const { open, dtype, dims, feeds = {} } = timed;
  const session = await open(engine);
  try {
    const [input = ""] = session.inputNames;
    const images: Tensor = { dtype, dims, data: allocate(dtype, elementCount(dims)) };
    // Zeros would be faster than photographs.
    images.data.forEach((_, index) => (images.data[index] = 100 * Math.abs(Math.sin(index * 0.37))));
    const given = { [input]: images, ...feeds };
    let fastest = Infinity;
    // The first run warms up.
    await session.run(given);
    const end = performance.now() + measuredMilliseconds;
    do {
      const started = performance.now();
      await session.run(given);
      fastest = Math.min(fastest, performance.now() - started);
    } while (performance.now() < end);
    return fastest / timed.batchSize;
  } finally {
    await session.release();
  }
}
