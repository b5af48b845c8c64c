import type { HubStorage } from "./hub-storage.ts";
import { pretrainedNames, weightFiles, type PretrainedName } from "./weight-files.ts";
import { mirrorSource, originalSource } from "./weight-source.ts";

/** A weights file in the cache. */
export interface CachedWeights {
  readonly name: PretrainedName;
  readonly path: string;
  readonly bytes: number;
}

/** Lists the published weights that stand in the cache, in the order of the table of models. */
export async function listCachedWeights(storage: HubStorage): Promise<readonly CachedWeights[]> {
  const present = new Set(await storage.list());
  const cached: CachedWeights[] = [];
  for (const name of pretrainedNames) {
    for (const { file } of [originalSource(weightFiles[name]), mirrorSource(weightFiles[name])]) {
      const bytes = present.has(file) ? await storage.size(file) : undefined;
      if (bytes !== undefined) cached.push({ name, path: storage.locate(file), bytes });
    }
  }
  return cached;
}
