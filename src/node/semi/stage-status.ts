import { stat } from "node:fs/promises";
import { changesOf, type Manifest } from "../../semi/index.ts";
import type { SemiContext } from "./context.ts";
import type { StageStatus } from "./events.ts";
import { readManifest } from "./stage-folder.ts";
import type { StageWork } from "./stages/stage-work.ts";

/** What stands of a stage. */
export interface Standing {
  readonly manifest: Manifest | undefined;
  readonly status: StageStatus;
  /** What has changed since its files were made. */
  readonly changes: readonly string[];
}

/** Compares what stands in the folder of a stage with what is wanted. */
export async function standingOf(context: SemiContext, folder: string, work: StageWork): Promise<Standing> {
  const manifest = await readManifest(context.path(folder));
  if (!manifest) return { manifest, status: "to do", changes: [] };
  const changes = changesOf(manifest, work.origin);
  if (changes.length > 0) return { manifest, status: "to redo", changes };
  if (manifest.status === "running") return { manifest, status: "to resume", changes };
  const missing = (await work.missing?.()) ?? [];
  if (missing.length > 0) return { manifest, status: "to resume", changes: missing };
  const damaged = await damagedOutputs(context, folder, manifest);
  return { manifest, status: damaged.length > 0 ? "to redo" : "done", changes: damaged };
}

async function damagedOutputs(
  context: SemiContext,
  folder: string,
  { outputs }: Manifest,
): Promise<readonly string[]> {
  const damaged: string[] = [];
  for (const [file, hash] of Object.entries(outputs)) {
    const path = context.path(folder, file);
    if (!(await isFile(path))) damaged.push(`${file} is gone`);
    else if ((await outputHash(context, path)) !== hash) damaged.push(`${file} was changed`);
  }
  return damaged;
}

/** Hash by which later stages know a file; undefined for one that cannot be read. */
async function outputHash(context: SemiContext, path: string): Promise<string | undefined> {
  try {
    return await hashOutput(context, path);
  } catch {
    context.signal?.throwIfAborted();
    return undefined;
  }
}

/** SHA-256 of a file of a stage by which later stages know it: of a checkpoint, what it computes. */
function hashOutput({ fingerprints, signal }: SemiContext, path: string): Promise<string> {
  return path.endsWith(".safetensors") ? fingerprints.model(path, signal) : fingerprints.file(path, signal);
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  );

/** The outputs of a stage with their hashes. */
export async function hashOutputs(
  context: SemiContext,
  folder: string,
  files: readonly string[],
): Promise<Manifest["outputs"]> {
  const outputs: Record<string, string> = {};
  for (const file of files) outputs[file] = await hashOutput(context, context.path(folder, file));
  return outputs;
}
