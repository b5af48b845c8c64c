import type { ImageSource } from "../../data/index.ts";
import type { Model } from "../../predict/index.ts";
import { perceptualHash, type ReferenceRow } from "../../semi/index.ts";
import { referenceColumns } from "../../semi/selection-table.ts";
import { runImages } from "./broken-image.ts";
import { openReferenceWriter } from "./reference-writer.ts";
import { readTableMetadata } from "./table-metadata.ts";

/** Images that unlabelled ones are compared with. */
type ReferenceSets = Readonly<Partial<Record<ReferenceRow["set"], ImageSource>>>;

/** Which images are hashed, and what the table says that it was made from. */
export interface WriteReferencesOptions {
  readonly sets: ReferenceSets;
  readonly origin: string;
  readonly signal: AbortSignal | undefined;
}

/** Key of the origin in the metadata of a table. */
const originKey = "ssl-resnext.references";

/** What a table was made from; undefined when there is none that can be read. */
export async function referencesOrigin(path: string): Promise<string | undefined> {
  const metadata = await readTableMetadata(path, referenceColumns).catch(() => undefined);
  return metadata?.key_value_metadata?.find(({ key }) => key === originKey)?.value;
}

/** Writes the hashes of all reference images that can be read to a table; yields once for each image. */
export async function* writeReferences(
  path: string,
  hasher: Model,
  { sets, origin, signal }: WriteReferencesOptions,
): AsyncGenerator<void, void, undefined> {
  const writer = await openReferenceWriter(path);
  let isComplete = false;
  try {
    for (const [set, images] of Object.entries(sets) as [ReferenceRow["set"], ImageSource][]) {
      for await (const result of runImages(hasher, ["frequencies"], images, signal)) {
        yield;
        if ("error" in result) continue;
        const phash = perceptualHash(result.outputs["frequencies"]!.data);
        await writer.write([{ image_id: result.image, phash, set }]);
      }
    }
    isComplete = true;
  } finally {
    if (!isComplete) await writer.abort();
  }
  await writer.close([{ key: originKey, value: origin }]);
}
