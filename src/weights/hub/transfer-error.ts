import { WeightsError } from "../../core/index.ts";

/** One attempt to download that failed. */
export class TransferError extends WeightsError {
  /** Whether a later attempt may succeed. */
  readonly retryable: boolean;
  /** Milliseconds that the server asked to wait. */
  readonly retryAfter: number | undefined;

  constructor(
    code: string,
    message: string,
    options: { retryable: boolean; retryAfter?: number | undefined; cause?: unknown },
  ) {
    super(code, message, { cause: options.cause });
    this.name = "WeightsError";
    this.retryable = options.retryable;
    this.retryAfter = options.retryAfter;
  }
}

const retryableStatus = new Set([408, 425, 429, 500, 502, 503, 504]);

/** The error for a response that carries no file. */
export function statusError(url: string, response: Response): TransferError {
  const { status, statusText } = response;
  return new TransferError(
    "weights/http-status",
    `${url}: expected 200 or 206, the server answered ${[status, statusText].join(" ").trim()}.`,
    {
      retryable: retryableStatus.has(status),
      retryAfter: parseRetryAfter(response.headers.get("retry-after")),
    },
  );
}

/** Milliseconds that a Retry-After header asks for, in either of its forms (RFC 9110, section 10.2.3). */
export function parseRetryAfter(value: string | null, now: number = Date.now()): number | undefined {
  if (value === null) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

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
