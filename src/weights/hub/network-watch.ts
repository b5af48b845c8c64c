import { TransferError } from "./transfer-error.ts";

/** Watches the network operations of one attempt for silence. */
export interface NetworkWatch {
  /** Aborts when the caller's signal does, or when an operation stays silent for too long. */
  readonly signal: AbortSignal;
  /** Awaits an operation; the clock runs only during it, so slow disks are no silence. */
  watch<T>(operation: () => Promise<T>): Promise<T>;
}

export function networkWatch(
  url: string,
  stallTimeout: number,
  outer: AbortSignal | undefined,
): NetworkWatch {
  const stall = new AbortController();
  const signal = outer === undefined ? stall.signal : AbortSignal.any([outer, stall.signal]);
  return {
    signal,
    async watch(operation) {
      const timer = setTimeout(() => stall.abort(), stallTimeout);
      try {
        return await operation();
      } catch (cause) {
        outer?.throwIfAborted();
        throw stall.signal.aborted
          ? new TransferError("weights/stalled", `${url}: no byte came for ${stallTimeout / 1000} s.`, {
              retryable: true,
              cause,
            })
          : new TransferError("weights/connection-failed", `${url}: the connection failed${why(cause)}.`, {
              retryable: true,
              cause,
            });
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** fetch says only "fetch failed": the reason is the cause's. */
function why(error: unknown): string {
  const root = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return root instanceof Error && root.message !== "" ? ` (${root.message})` : "";
}
