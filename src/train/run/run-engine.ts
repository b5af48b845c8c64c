import { TrainingError, UsageError } from "../../core/index.ts";
import { readText, writeText, type Storage } from "../../core/storage/index.ts";
import { buildGraph, input, relu } from "../../graph/index.ts";
import {
  embeddingEngine,
  enginesFor,
  openSession,
  type EngineChoice,
  type ExecutionOptions,
  type ModelSource,
} from "../../predict/index.ts";
import type { Fact } from "../../report/elements.ts";
import { engines, floatPrecisions, requireEngine, type EngineRequest } from "../../runtime/engine.ts";
import type { Device, Engine, FloatPrecision, Platform } from "../../runtime/index.ts";
import type { Recipe } from "../recipe/fields.ts";
import type { EmbeddingEngine } from "../head/embed-images.ts";

/** @throws UsageError `train/no-effect` for an engine or precision that only looks at images */
export function checkEngine({ engine, precision }: AskedEngine, { mode }: Recipe): void {
  if (mode === "head" || (engine !== "openvino" && precision !== "bf16")) return;
  const given =
    engine === "openvino" ? "Engine openvino (engine, --engine)" : "bf16 (precision, --precision)";
  throw new UsageError(
    "train/no-effect",
    `${given}: no effect in mode ${mode}, whose network learns, on ONNX Runtime in float32; leave it out, or take mode head, which embeds with it.`,
  );
}

/** What the networks of a run that only look at images are to run on. */
export interface AskedEngine extends Pick<EngineChoice, "engine"> {
  /** What floats are multiplied in: `bf16` with engine `openvino`, on processors that have it. @default "fp32" */
  readonly precision?: FloatPrecision | undefined;
}

/** Takes one of the engines where that is left open. */
type ChooseEngine = (precision: FloatPrecision) => Promise<Engine>;

/** File of a run with what its networks run on. */
export const engineFile = "engine.json";

/** Takes the engine that embeds faster with this network. */
export const fasterFor =
  (platform: Platform, source: ModelSource, execution: Omit<ExecutionOptions, "engine">): ChooseEngine =>
  (precision) =>
    embeddingEngine(platform, source, { ...execution, engine: "auto" }, precision);

/** The folder of a run. */
interface Folder {
  readonly storage: Storage;
  readonly path: string;
}

/** What a run is asked to run on. */
interface AskedOfRun extends AskedEngine {
  /** Whether it may have begun before. @default false */
  readonly resume?: boolean | undefined;
}

/**
 * Refuses an engine, a device or a precision that a run in a folder could not run on, before anything of it is written.
 *
 * @throws SessionError as the engines throw it; TrainingError as {@link engineOfRun}
 */
export async function requireEngineOfRun(
  platform: Platform,
  folder: Folder,
  asked: AskedOfRun,
  device: Device,
): Promise<void> {
  // What else stands there is refused by who makes the folder.
  const isFolder = (await folder.storage.stat(folder.path))?.kind === "folder";
  const began = isFolder ? await beganWith(folder, asked) : undefined;
  const precision = began?.precision ?? asked.precision ?? "fp32";
  const engine = began?.engine ?? asked.engine ?? "onnxruntime";
  const able = engine === "auto" ? enginesFor(device, precision) : [engine];
  // Of several, one that is there is chosen.
  if (able.length > 1) return;
  await requireEngineHere(platform, { engine: able[0] ?? "onnxruntime", device, precision });
}

/**
 * Refuses an engine that is not installed, or lacks the device or the precision on this machine: opens a graph of one operator with
 * it. ONNX Runtime is always there.
 *
 * @throws SessionError as the engines throw it
 */
async function requireEngineHere(platform: Platform, request: EngineRequest): Promise<void> {
  requireEngine(request, engines);
  if (request.engine === "onnxruntime") return;
  const session = await openSession(platform, buildGraph({ y: relu(input("x", "float32", [1])) }), request);
  await session.release();
}

/**
 * What the networks of a run in a folder run on: what is asked for, or where the run is resumed, what they ran on before.
 *
 * @throws TrainingError `train/other-run` for another engine or precision than the run began with, `train/engine` for a file that
 *   does not say; what `choose` throws.
 */
export async function engineOfRun(
  folder: Folder,
  asked: AskedOfRun,
  choose: ChooseEngine,
): Promise<EmbeddingEngine> {
  const began = await beganWith(folder, asked);
  if (began) return began;
  const { engine = "onnxruntime", precision = "fp32" } = asked;
  return { engine: engine === "auto" ? await choose(precision) : engine, precision };
}

/** What a run began with; undefined where it begins now. @throws TrainingError as {@link engineOfRun} */
async function beganWith(
  folder: Folder,
  { engine, precision, resume = false }: AskedOfRun,
): Promise<EmbeddingEngine | undefined> {
  const began = resume ? await readEngine(folder) : undefined;
  if (!began) return undefined;
  const asked = { engine: engine === "auto" ? undefined : engine, precision };
  for (const name of ["engine", "precision"] as const) {
    if (asked[name] === undefined || asked[name] === began[name]) continue;
    throw new TrainingError(
      "train/other-run",
      `${pathOf(folder)}: the run began with ${name} ${began[name]}, and ${asked[name]} is asked for. Leave ${name} (--${name}) out to ` +
        "go on with what it began with, or begin a new run in another folder; where nothing came of it, delete the file.",
    );
  }
  return began;
}

const pathOf = ({ storage, path }: Folder): string => storage.join(path, engineFile);

/** Keeps what {@link engineOfRun} gave for when the run is resumed. */
export function writeEngine(folder: Folder, { engine, precision }: EmbeddingEngine): Promise<void> {
  return writeText(folder.storage, pathOf(folder), `${JSON.stringify({ engine, precision })}\n`);
}

/**
 * The same beside other processes that begin the run.
 *
 * @throws TrainingError `train/other-run` where one of them has begun it with something else
 */
export async function keepEngine(folder: Folder, { engine, precision }: EmbeddingEngine): Promise<void> {
  const began = await readEngine(folder);
  if (!began) return writeEngine(folder, { engine, precision });
  if (began.engine === engine && began.precision === precision) return;
  throw new TrainingError(
    "train/other-run",
    `${pathOf(folder)}: another process began the run with ${began.engine} in ${began.precision} meanwhile, and this one has chosen ` +
      `${engine} in ${precision}. Give the command again, without engine and precision (--engine, --precision), to go on with that.`,
  );
}

/** What {@link writeEngine} wrote; undefined in a folder without it. @throws TrainingError `train/engine` */
export async function readEngine(folder: Folder): Promise<EmbeddingEngine | undefined> {
  const { storage } = folder;
  const path = pathOf(folder);
  if (!(await storage.stat(path))) return undefined;
  try {
    const written = JSON.parse(await readText(storage, path)) as Partial<EmbeddingEngine> | null;
    const { engine, precision } = written ?? {};
    if (engine && engines.includes(engine) && precision && floatPrecisions.includes(precision))
      return { engine, precision };
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
  }
  throw new TrainingError(
    "train/engine",
    `${path}: expected an engine (${engines.join(", ")}) and a precision (${floatPrecisions.join(", ")}) as JSON. Delete it to choose anew.`,
  );
}

/** In words, such as `openvino, bf16`; undefined for what runs unless something else is asked for: ONNX Runtime in float32. */
export const engineText = ({ engine, precision }: EmbeddingEngine): string | undefined =>
  engine === "onnxruntime" && precision === "fp32" ? undefined : `${engine}, ${precision}`;

/** The same for a page. */
export const engineFacts = ({ engine, precision }: EmbeddingEngine): readonly Fact[] => [
  { name: "engine", value: engine },
  { name: "precision", value: precision },
];
