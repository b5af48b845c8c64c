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
