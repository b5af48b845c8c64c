import { statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { SessionError, SslResnextError } from "../../core/index.ts";
import type { Engine } from "../../runtime/engine.ts";
import type { EngineSubject, Platform } from "../../runtime/platform.ts";
import { cacheFolder, makeFolder, writeFileAtomic } from "../files/file-system.ts";
import { onnxRuntimeVersion } from "./onnxruntime/install-onnx-runtime.ts";
import { findOpenVino } from "./openvino/find-library.ts";

/** Milliseconds an image by engine, by what was measured, by machine. */
type Speeds = Readonly<Record<string, Readonly<Record<string, Readonly<Partial<Record<Engine, number>>>>>>>;

const speedsFile = (): string => join(cacheFolder(), "engine-speeds.json");

/** The fastest of these engines, as it was measured here and is remembered in the cache; what is not known is measured. */
export const fasterEngine: NonNullable<Platform["fasterEngine"]> = async (
  candidates,
  subject,
  millisecondsAnImage,
) => {
  const known = await knownSpeeds(subject);
  const speeds = new Map<Engine, number>();
  const [first = "onnxruntime"] = candidates;
  for (const engine of candidates) {
    if (engine === "openvino" && openVinoLibrary() === undefined) continue;
    try {
      const speed = known[engine] ?? (await millisecondsAnImage(engine));
      speeds.set(engine, speed);
    } catch (error) {
      // What another engine does not take, the first one may.
      if (engine === first ? !isMissing(error) : !(error instanceof SessionError)) throw error;
    }
  }
  try {
    await rememberSpeeds(subject, Object.fromEntries(speeds));
  } catch (error) {
    // A cache that cannot be written to: it is measured again next time.
    if (!(error instanceof SslResnextError)) throw error;
  }
  return [...speeds.keys()].reduce(
    (fastest, engine) => (speeds.get(engine)! < speeds.get(fastest)! ? engine : fastest),
    speeds.has(first) ? first : ([...speeds.keys()][0] ?? first),
  );
};

/** Whether an engine was not opened because it, its device or its precision is not there at all. */
const isMissing = (error: unknown): boolean => error instanceof SslResnextError && missing.has(error.code);

const missing: ReadonlySet<string> = new Set([
  "runtime/not-installed",
  "runtime/engine-unavailable",
  "runtime/device-unavailable",
  "runtime/precision-unavailable",
]);

/** Remembers what engines take for this, in milliseconds an image. */
export async function rememberSpeeds(
  subject: EngineSubject,
  speeds: Readonly<Partial<Record<Engine, number>>>,
): Promise<void> {
  const all = await readSpeeds();
  const [machine, what] = [machineName(), subjectName(subject)];
  const next: Speeds = {
    ...all,
    [machine]: { ...all[machine], [what]: { ...all[machine]?.[what], ...speeds } },
  };
  if (JSON.stringify(next) === JSON.stringify(all)) return;
  await makeFolder(cacheFolder());
  await writeFileAtomic(speedsFile(), [new TextEncoder().encode(`${JSON.stringify(next, undefined, 2)}\n`)]);
}

async function knownSpeeds(subject: EngineSubject): Promise<Readonly<Partial<Record<Engine, number>>>> {
  return (await readSpeeds())[machineName()]?.[subjectName(subject)] ?? {};
}

async function readSpeeds(): Promise<Speeds> {
  try {
    return JSON.parse(await readFile(speedsFile(), "utf8")) as Speeds;
  } catch {
    // Nothing was measured yet, or what was is damaged: it is measured again.
    return {};
  }
}

const subjectName = ({ network, batch }: EngineSubject): string =>
  `${network}, ${batch === "one" ? "one image" : "several images"} at once`;

/** The processor and the versions of the engines: on others, speeds are others. */
function machineName(): string {
  return `${cpus()[0]?.model ?? process.arch}, ${availableParallelism()} cores, ONNX Runtime ${onnxRuntimeVersion}, ${openVinoName()}`;
}

function openVinoName(): string {
  const path = openVinoLibrary();
  return path === undefined ? "no OpenVINO" : `${path} of ${statSync(path).mtime.toISOString()}`;
}

function openVinoLibrary(): string | undefined {
  try {
    createRequire(import.meta.url).resolve("koffi");
    return findOpenVino();
  } catch {
    // Its error is for who asks for this engine by name.
    return undefined;
  }
}
