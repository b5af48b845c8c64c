import { createHash } from "node:crypto";
import type { DecodeOptions } from "../../image/index.ts";
import type { Device } from "../../runtime/index.ts";
import { hashWeights } from "../hash-weights.ts";
import type { ModelSource } from "../open-model.ts";

/** What embeddings depend on besides the image. */
export interface EmbeddingSettings {
  readonly decode?: DecodeOptions | undefined;
  readonly device?: Device | undefined;
}

/** Changes when embeddings are computed in another way. */
const version = 1;

/**
 * SHA-256 of everything but the image that an embedding depends on: the weights before the classifier, the shape of
 * the network, the transform of the images and the device.
 */
export async function embeddingKey(
  source: ModelSource,
  { decode = {}, device = "cpu" }: EmbeddingSettings,
): Promise<string> {
  const { config, preprocessing } = source.description;
  const hash = createHash("sha256");
  // The classifier is none of an embedding's business, and training's dropping happens in training only.
  const network = { ...config, numClasses: 0, dropRate: 0, dropPathRate: 0 };
  hash.update(JSON.stringify([version, network, preprocessing, decode, device]));
  await source.withWeights((weights) =>
    hashWeights(hash, new Map([...weights].filter(([name]) => !name.startsWith("fc.")))),
  );
  return hash.digest("hex");
}
