import type { ImageSource } from "../../data/index.ts";
import type { Model } from "../../predict/index.ts";
import { perceptualHash, type ReferenceRow } from "../../semi/index.ts";
import { openReferenceWriter } from "./reference-writer.ts";

/** Images that unlabelled ones are compared with. */
export type ReferenceSets = Readonly<Partial<Record<ReferenceRow["set"], ImageSource>>>;

/**
 * Writes the hashes of all reference images that can be read to a table; yields once for each image.
 *
 * @returns number of hashes.
 */
export async function* writeReferences(
  path: string,
  hasher: Model,
  sets: ReferenceSets,
  signal: AbortSignal | undefined,
): AsyncGenerator<void, number, undefined> {
  const writer = await openReferenceWriter(path);
  let count = 0;
  try {
    for (const [set, images] of Object.entries(sets) as [ReferenceRow["set"], ImageSource][]) {
      for await (const result of hasher.run(["frequencies"], images, signal)) {
        yield;
        if ("error" in result) continue;
        const phash = perceptualHash(result.outputs["frequencies"]!.data);
        await writer.write([{ image_id: result.image, phash, set }]);
        count++;
      }
    }
  } catch (error) {
    await writer.abort();
    throw error;
  }
  await writer.close();
  return count;
}
