import type { ModelDescription } from "../nn/index.ts";
import { provenanceOfStart } from "../nn/index.ts";
import type { ModelPlatform, ModelSource } from "../predict/index.ts";

/**
 * What is said of the network that a training starts from, with the SHA-256 of the file of its weights.
 *
 * @throws DataError when the file cannot be read.
 */
export async function startProvenance(
  { storageFor, sha256 }: Pick<ModelPlatform, "storageFor" | "sha256">,
  { description, file }: Pick<ModelSource, "description" | "file">,
  signal?: AbortSignal,
): Promise<ModelDescription["provenance"]> {
  if (file === undefined) return provenanceOfStart(description, undefined);
  const hash = sha256();
  for await (const bytes of storageFor(file).stream(file, { signal })) hash.update(bytes);
  return provenanceOfStart(description, await hash.hex());
}
