import type { HashedPartial } from "./hashed-partial.ts";
import { backOff, sleep } from "./hub-timing.ts";
import { transfer, type TransferContext } from "./transfer.ts";
import { TransferError } from "./transfer-error.ts";
import type { WeightSource } from "./weight-source.ts";

/** An attempt that brought this much counts as a success: a long download may be interrupted often. */
const worthwhile = 1 << 20;

/**
 * Repeats attempts, each from where the last one ended, until the file is complete.
 *
 * @throws TransferError the last failure, when it cannot pass or came too often in a row
 */
export async function transferWithRetries(
  source: WeightSource,
  partial: HashedPartial,
  context: TransferContext & { readonly random: () => number },
): Promise<void> {
  const { timing, signal, emit, random } = context;
  for (let failures = 0; ; failures++) {
    signal?.throwIfAborted();
    const before = partial.file.size;
    try {
      return await transfer(source, partial, context);
    } catch (error) {
      if (!(error instanceof TransferError) || !error.retryable) throw error;
      if (partial.file.size - before >= worthwhile) failures = 0;
      const asked = error.retryAfter ?? 0;
      if (failures >= timing.retries || asked > timing.longestRetryAfter) throw error;
      const delay = Math.max(asked, backOff(failures, timing, random));
      emit({ type: "retry", url: source.url, attempt: failures + 1, delay, error });
      await sleep(delay, signal);
    }
  }
}
