import type { ImageSource } from "../../data/index.ts";
import { perceptualHash, topScores, type ScoreFacts, type ScoreRow } from "../../semi/index.ts";
import type { Model } from "../../predict/index.ts";
import { runImages } from "./broken-image.ts";
import { openScoreWriter } from "./score-writer.ts";
import type { ScoreOrigin } from "./standing-scores.ts";
import type { Teacher } from "./teacher.ts";

/** What is scored, and what the score file says of it. */
export interface ScoreShardOptions extends ScoreOrigin {
  readonly images: ImageSource;
  /** Gives the hashes where the teacher does not. */
  readonly hasher: Model | undefined;
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
  path: string,
  teacher: Teacher,
  { images, hasher, signal, ...facts }: ScoreShardOptions,
): AsyncGenerator<void, ScoreFacts, undefined> {
  const hashes = hasher && (await hashesOf(hasher, images, signal));
  const broken: { readonly id: string; readonly error: string }[] = [];
  const writer = await openScoreWriter(path);
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
      const best = topScores(teacher.logitsOf(outputs["logits"]!.data), facts.p);
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
  hasher: Model,
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
