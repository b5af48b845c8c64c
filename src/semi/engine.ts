import {
  engineOfRun,
  keepEngine,
  requireEngineOfRun,
  type AskedEngine,
  type EmbeddingEngine,
} from "../train/index.ts";
import type { Device } from "../runtime/index.ts";
import type { SemiPlatform } from "./platform.ts";
import { checkTeacherGraph, fasterForTeacher } from "./score/teacher.ts";
import type { SemiSettings } from "./settings/settings.ts";

/** Where a run is, and what it is asked to run on. */
interface Asked extends AskedEngine {
  readonly out: string;
  readonly device?: Device | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What keeps other processes from choosing meanwhile: those that score parts of a run, and one that does its stages. */
const lockName = ".engine.lock";

/**
 * Refuses what the runs could not run on, before anything of them is written.
 *
 * @throws UsageError, ModelError as `checkTeacherGraph`; SessionError, TrainingError as `requireEngineOfRun`
 */
export async function requireEngineOfRuns(
  platform: SemiPlatform,
  runs: readonly { readonly settings: SemiSettings }[],
  { out, engine, precision, device = "cpu" }: Asked,
): Promise<void> {
  for (const { settings } of runs) await checkTeacherGraph(platform, settings, { engine, precision });
  const folder = { storage: platform.storageFor(out), path: out };
  await requireEngineOfRun(platform, folder, { engine, precision, resume: true }, device);
}

/** What the networks of a run run on. @param isShared Whether other processes may be choosing it: it is kept at once then */
export async function engineOf(
  platform: SemiPlatform,
  settings: SemiSettings,
  asked: Asked,
  isShared: boolean,
): Promise<EmbeddingEngine> {
  const { out, engine, precision, device = "cpu" } = asked;
  const folder = { storage: platform.storageFor(out), path: out };
  const choose = (): Promise<EmbeddingEngine> =>
    engineOfRun(folder, { engine, precision, resume: true }, (floats) =>
      fasterForTeacher(platform, settings, { device, precision: floats }),
    );
  if (!isShared) return choose();
  return alone(platform, asked, async () => {
    const ranOn = await choose();
    await keepEngine(folder, ranOn);
    return ranOn;
  });
}

/** Keeps what a run begins with. @throws TrainingError as `keepEngine` */
export const keepEngineOf = (platform: SemiPlatform, ranOn: EmbeddingEngine, asked: Asked): Promise<void> =>
  alone(platform, asked, () =>
    keepEngine({ storage: platform.storageFor(asked.out), path: asked.out }, ranOn),
  );

async function alone<Value>(
  platform: SemiPlatform,
  { out, signal }: Asked,
  work: () => Promise<Value>,
): Promise<Value> {
  const storage = platform.storageFor(out);
  const unlock = await storage.lock(storage.join(out, lockName), { signal });
  try {
    return await work();
  } finally {
    await unlock();
  }
}
