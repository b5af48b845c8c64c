import { createHash } from "node:crypto";
import { openModel } from "../open-model.ts";

/**
 * SHA-256 of what a checkpoint computes: architecture, classes, preprocessing and weights. Trainings that end at the
 * same weights give the same hash, whatever their recipe was.
 */
export async function modelHash(path: string, signal?: AbortSignal): Promise<string> {
  const model = await openModel(path, { signal });
  const { config, classes, preprocessing } = model.description;
  const hash = createHash("sha256").update(JSON.stringify([config, classes, preprocessing]));
  return model.withWeights(async (weights) => {
    for (const [name, tensor] of [...weights].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const { data } = await tensor.load();
      hash.update(name).update(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    }
    return hash.digest("hex");
  });
}
