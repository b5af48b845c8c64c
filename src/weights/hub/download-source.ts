import { WeightsError } from "../../core/index.ts";
import { hashPartial, type HashedPartial } from "./hashed-partial.ts";
import type { HubStorage, Sha256 } from "./hub-storage.ts";
import { linkedSha256 } from "./linked-sha256.ts";
import { transferWithRetries } from "./retry.ts";
import type { TransferContext } from "./transfer.ts";
import { checkSafetensorsLength, checkSha256 } from "./verify.ts";
import type { WeightSource } from "./weight-source.ts";

export interface DownloadContext extends TransferContext {
  readonly storage: HubStorage;
  readonly createHash: () => Sha256;
  readonly random: () => number;
}

/** Downloads one source into the cache under its own claim, checks it and commits it; returns its length. */
export async function downloadSource(source: WeightSource, context: DownloadContext): Promise<number> {
  const { storage, signal, emit, createHash } = context;
  const { file } = source;
  const claimed = await storage.claim(file, { signal, onWait: () => emit({ type: "waiting", file }) });
  try {
    // Another process may have finished it during the wait.
    const finished = await storage.size(file);
    if (finished !== undefined) return finished;
    const partial = await hashPartial(claimed, createHash, signal);
    const sha256 = await downloadVerified(source, partial, context);
    emit({ type: "verified", file, sha256 });
    const bytes = claimed.size;
    await claimed.commit();
    return bytes;
  } finally {
    await claimed.release();
  }
}

async function downloadVerified(
  source: WeightSource,
  partial: HashedPartial,
  context: DownloadContext,
): Promise<string> {
  const expected = source.sha256Prefix ?? (await linkedSha256(source.url, context));
  for (;;) {
    await transferWithRetries(source, partial, context);
    const sha256 = await partial.sha256();
    const piecedTogether = partial.pieces > 1;
    try {
      checkSha256(source, sha256, expected);
      if (source.sha256Prefix === undefined) await checkSafetensorsLength(source, partial.file);
      return sha256;
    } catch (error) {
      if (!(error instanceof WeightsError)) throw error;
      await partial.clear();
      // Pieces of different files may have met: one download in one piece decides.
      if (!piecedTogether) throw error;
      context.emit({ type: "retry", url: source.url, attempt: 1, delay: 0, error });
    }
  }
}
