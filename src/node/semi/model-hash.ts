import { createHash } from "node:crypto";
import { hashWeights } from "../hash-weights.ts";
import { openModel } from "../open-model.ts";

/**
 * SHA-256 of what a checkpoint computes: architecture, classes, preprocessing and weights. Trainings that end at the
 * same weights give the same hash, whatever their recipe was.
 */
export async function modelHash(path: string, signal?: AbortSignal): Promise<string> {
  const model = await openModel(path, { signal });
  const { config, classes, preprocessing } = model.description;
  const hash = createHash("sha256").update(JSON.stringify([config, classes, preprocessing]));
  await model.withWeights((weights) => hashWeights(hash, weights));
  return hash.digest("hex");
}
