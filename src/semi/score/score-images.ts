import type { SslResnextError } from "../../core/index.ts";
import type { Storage } from "../../core/storage/index.ts";
import type { ImageSource } from "../../data/index.ts";
import { softmax, topk, type Model } from "../../predict/index.ts";
import { readTableMetadata } from "../parquet-table.ts";
import { referenceColumns, type ReferenceRow, type ScoreFacts, type ScoreRow } from "../tables.ts";
import { openReferenceWriter, openScoreWriter, type ScoreOrigin } from "./score-files.ts";
import type { Teacher } from "./teacher.ts";

/** What is scored, and what the score file says of it. */
interface ScoreShardOptions extends ScoreOrigin {
  readonly images: ImageSource;
  /** Gives the hashes where the teacher does not. */
  readonly hasher: Model<never> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes the best classes of each image of a shard to a score file, which appears when it is complete; yields once for
 * each image.
 *
 * @returns what stands in the file.
 * @throws what keeps an image from being read that is not the fault of the image.
 */
export async function* scoreShard(
  storage: Storage,
  path: string,
  teacher: Teacher,
  { images, hasher, signal, ...facts }: ScoreShardOptions,
): AsyncGenerator<void, ScoreFacts, undefined> {
  const hashes = hasher && (await hashesOf(hasher, images, signal));
  const broken: { readonly id: string; readonly error: string }[] = [];
  const writer = await openScoreWriter(storage, path);
  let isComplete = false;
  try {
    let position = facts.shard.from - 1;
    let scored = 0;
    for await (const result of runImages(
      teacher.model,
      teacher.hashes ? ["logits", "frequencies"] : ["logits"],
      images,
      signal,
    )) {
      position++;
      yield;
      if ("error" in result) {
        broken.push({ id: result.image, error: result.error.message });
        continue;
      }
      const { image, outputs } = result;
      const frequencies = outputs["frequencies"];
      const phash = frequencies ? perceptualHash(frequencies.data) : hashes![position - facts.shard.from]!;
      const logits = outputs["logits"]!.data;
      const best = topScores(teacher.logitsOf(logits), facts.p, teacher.probabilitiesOf?.(logits));
      await writer.write(
        best.map((scores, index): ScoreRow => ({
          image_id: image,
          position,
          ...scores,
          rank: index + 1,
          phash,
        })),
      );
      scored++;
    }
    const complete: ScoreFacts = { ...facts, images: scored, broken };
    await writer.close(complete);
    isComplete = true;
    return complete;
  } finally {
    // Also when nobody asks for the next image.
    if (!isComplete) await writer.abort();
  }
}

/** The hashes of all images, by position; 0 for those that cannot be read. */
async function hashesOf(
  hasher: Model<never>,
  images: ImageSource,
  signal: AbortSignal | undefined,
): Promise<BigInt64Array> {
  const hashes = new BigInt64Array(images.size ?? 0);
  let position = 0;
  for await (const result of runImages(hasher, ["frequencies"], images, signal)) {
    if (!("error" in result)) hashes[position] = perceptualHash(result.outputs["frequencies"]!.data);
    position++;
  }
  return hashes;
}

/** Images that unlabelled ones are compared with. */
type ReferenceSets = Readonly<Partial<Record<ReferenceRow["set"], ImageSource>>>;

/** Which images are hashed, and what the table says that it was made from. */
interface WriteReferencesOptions {
  readonly sets: ReferenceSets;
  readonly origin: string;
  readonly signal: AbortSignal | undefined;
}

/** Key of the origin in the metadata of a table. */
const originKey = "ssl-resnext.references";

/** What a table was made from; undefined when there is none that can be read. */
export async function referencesOrigin(storage: Storage, path: string): Promise<string | undefined> {
  const metadata = await readTableMetadata(storage, path, referenceColumns).catch(() => undefined);
  return metadata?.key_value_metadata?.find(({ key }) => key === originKey)?.value;
}

/** Writes the hashes of all reference images that can be read to a table; yields once for each image. */
export async function* writeReferences(
  storage: Storage,
  path: string,
  hasher: Model<never>,
  { sets, origin, signal }: WriteReferencesOptions,
): AsyncGenerator<void, void, undefined> {
  const writer = await openReferenceWriter(storage, path);
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

/**
 * Whether an error says that an image itself cannot be used, now and later; a file that cannot be read or memory that
 * runs out says nothing of the image.
 */
export const isBrokenImage = ({ code }: SslResnextError): boolean =>
  code.startsWith("image/") || code === "runtime/worker-crashed";

/**
 * Runs a model over images, whose results may be errors of broken images.
 *
 * @throws what keeps an image from being read that is not the fault of the image.
 */
async function* runImages(
  model: Model<never>,
  ...options: Parameters<Model["run"]>
): ReturnType<Model["run"]> {
  for await (const result of model.run(...options)) {
    if ("error" in result && !isBrokenImage(result.error)) throw result.error;
    yield result;
  }
}

/** A class of an image and its probability. */
export interface ClassScore {
  readonly class: number;
  readonly score: number;
}

/**
 * The `p` best classes of an image, best first, with their probabilities; of equals, the first class.
 *
 * @param probabilities Of the same classes, where others have a share in them. @default the softmax of the logits
 */
export function topScores(
  logits: Float32Array,
  p: number,
  probabilities: Float32Array = softmax(logits),
): readonly ClassScore[] {
  return topk(logits, p).map(({ index }) => ({ class: index, score: probabilities[index]! }));
}

/**
 * The hash of a picture: a bit for each of its 64 lowest frequencies, set where it is above the median. Pictures that
 * look the same differ in few bits, other ones in about half of them.
 *
 * @param frequencies 8 x 8 coefficients of the cosine transform.
 * @returns 64 bits as a signed number.
 */
export function perceptualHash(frequencies: Float32Array): bigint {
  const sorted = Float32Array.from(frequencies).sort();
  const median = (sorted[31]! + sorted[32]!) / 2;
  let hash = 0n;
  for (const frequency of frequencies) hash = (hash << 1n) | (frequency > median ? 1n : 0n);
  return BigInt.asIntN(64, hash);
}
