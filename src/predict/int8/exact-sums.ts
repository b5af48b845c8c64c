import { SessionError, tensor } from "../../core/index.ts";
import {
  buildGraph,
  constant,
  conv,
  input,
  quantiseConvolutions,
  scope,
  type Graph,
  type QuantiseOptions,
} from "../../graph/index.ts";
import type { NetworkDescription } from "../../nn/index.ts";
import type { ModelPlatform, ModelSource, WeightsNotice } from "../open-model.ts";
import { filtersText, quantisationOf, type Int8Options, type KnownQuantisation } from "./calibrate.ts";
import type { Engine } from "../../runtime/index.ts";
import { openSession, type ExecutionOptions } from "../pipeline/image-pipeline.ts";

const known = new WeakMap<ModelPlatform, Map<Engine, Promise<boolean>>>();

/**
 * Whether an engine's CPU kernels add products of 8-bit filters up exactly on this processor: on x86 without VNNI
 * instructions two products are added in 16 bits, where large ones saturate. Found out by computing with the largest values that
 * there are, once a process.
 *
 * @throws SessionError
 */
export function hasExactSums(platform: ModelPlatform, engine: Engine = "onnxruntime"): Promise<boolean> {
  const ofPlatform = known.get(platform) ?? new Map<Engine, Promise<boolean>>();
  known.set(platform, ofPlatform);
  const asked = ofPlatform.get(engine);
  if (asked) return asked;
  const answer = largestSumError(platform, {}, engine).then((error) => error < tolerance);
  ofPlatform.set(engine, answer);
  answer.catch(() => ofPlatform.delete(engine));
  return answer;
}

/** The quantisation of a model that is computed on this machine: with filters as fine as its sums allow. @throws as `quantisationOf` */
export async function quantisationHere(
  platform: ModelPlatform,
  source: ModelSource,
  options: Int8Options & Pick<ExecutionOptions, "engine">,
): Promise<KnownQuantisation> {
  const { reduceRange = !(await areExact(platform, options.engine)) } = options;
  return quantisationOf(platform, source, { ...options, reduceRange });
}

/** Whether sums are exact on the engine that is asked for; on each that may be chosen. */
async function areExact(
  platform: ModelPlatform,
  engine: ExecutionOptions["engine"] = "onnxruntime",
): Promise<boolean> {
  if (engine !== "auto") return hasExactSums(platform, engine);
  if (!(await hasExactSums(platform))) return false;
  try {
    return !platform.fasterEngine || (await hasExactSums(platform, "openvino"));
  } catch (error) {
    // It is not there, and is not chosen.
    if (error instanceof SessionError) return true;
    throw error;
  }
}

/** Half of a step of 255: what rounding the sum to a byte may cost. */
const tolerance = 0.5 / 255;

/**
 * How far the largest sums of products are off, as a share of them; 0 where they are exact.
 *
 * @throws SessionError
 */
export async function largestSumError(
  platform: ModelPlatform,
  options: QuantiseOptions,
  engine: Engine = "onnxruntime",
): Promise<number> {
  const session = await openSession(platform, probe(options), { engine });
  try {
    const { y } = await session.run({
      x: tensor("float32", inputDims, new Float32Array(channels * side * side).fill(largestByte)),
    });
    const sums = y?.data as Float32Array | undefined;
    if (!sums?.length) throw new SessionError("runtime/run-failed", "The probe of 8-bit sums gave nothing.");
    return sums.reduce((most, sum) => Math.max(most, Math.abs(sum / expected - 1)), 0);
  } finally {
    await session.release();
  }
}

const channels = 64;
const side = 3;
const inputDims = [1, channels, side, side] as const;
const largestByte = 255;
/** The sum of an output of the first convolution, and their sum by the second one, whose filters are ones. */
const [sum, expected] = [channels * largestByte, channels * channels * largestByte];

/** Two convolutions in 8 bits, of which the first meets the largest bytes with the largest filters. */
function probe(options: QuantiseOptions): Graph {
  const ones = constant(
    tensor("float32", [channels, channels, 1, 1], new Float32Array(channels * channels).fill(1)),
    "ones",
  );
  const first = scope("first", () => conv(input("x", "float32", inputDims), ones));
  const y = scope("second", () => conv(first, ones));
  const ranges = new Map([
    ["first/Conv/0", { min: 0, max: largestByte }],
    ["second/Conv/0", { min: 0, max: sum }],
  ]);
  return quantiseConvolutions(buildGraph({ y }), ranges, options);
}

/** What is worth knowing of an exported graph whose sums are not exact here; undefined where they are. */
export async function noticeOfSums(
  platform: ModelPlatform,
  path: string,
  { provenance }: NetworkDescription,
  engine: Engine = "onnxruntime",
): Promise<WeightsNotice | undefined> {
  const { precision = "" } = provenance;
  if (!precision.startsWith("int8") || precision.includes(filtersText(true))) return undefined;
  if (await hasExactSums(platform, engine)) return undefined;
  return {
    about: "int8",
    message:
      `${path} has ${filtersText(false)}, for processors with VNNI instructions: this one adds their products up in 16 bits, which saturate, ` +
      "and classifies worse. Export it again without --vnni (vnni).",
  };
}
