import { SslResnextError, WeightsError } from "../../core/index.ts";
import { fetchFailure } from "../../core/storage/index.ts";
import type { HashedPartial } from "./hashed-partial.ts";
import { backOff, sleep, type HubProgress, type HubTiming, type OnHubEvent } from "./hub-events.ts";
import type { WeightSource } from "./weight-files.ts";

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
function statusError({ url, token }: WeightSource, response: Response): TransferError {
  const { status, statusText } = response;
  const refusedToken = status === 401 && token !== undefined ? " The token (HF_TOKEN) is not accepted." : "";
  return new TransferError(
    "weights/http-status",
    `${url}: expected 200 or 206, the server answered ${[status, statusText].join(" ").trim()}.${refusedToken}`,
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
interface NetworkWatch {
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
        if (cause instanceof SslResnextError) throw cause;
        if (stall.signal.aborted) {
          throw new TransferError("weights/stalled", `${url}: no byte came for ${stallTimeout / 1000} s.`, {
            retryable: true,
            cause,
          });
        }
        const { reason, lasting } = fetchFailure(cause);
        throw new TransferError("weights/connection-failed", `${url}: the connection failed (${reason}).`, {
          retryable: !lasting,
          cause,
        });
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

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

/** What every attempt to download needs. */
export interface TransferContext {
  readonly fetch: typeof globalThis.fetch;
  readonly signal: AbortSignal | undefined;
  readonly timing: HubTiming;
  readonly emit: OnHubEvent;
}

/** Longest body that is taken from a server that does not say how long it is: above every model's file. */
const longestBody = 2 ** 30;

/**
 * One attempt: asks for the bytes that are missing and appends what comes. Returns when the file is
 * complete; what arrived before a failure stays in the partial file.
 *
 * @throws TransferError
 */
async function transfer(
  source: WeightSource,
  partial: HashedPartial,
  context: TransferContext,
): Promise<void> {
  const network = networkWatch(source.url, context.timing.stallTimeout, context.signal);
  const headers = await rangeHeaders(source, partial);
  const response = await network.watch(() =>
    context.fetch(source.url, { headers, signal: network.signal, credentials: "omit" }),
  );
  try {
    if (await isComplete(response, source, partial)) return;
    const total = await alignWithResponse(response, source, partial);
    await receive(response, total, source, partial, network, context);
  } finally {
    // A body that nobody reads would hold its connection.
    await response.body?.cancel().catch(() => undefined);
  }
}

/** What a source is asked with; fetch leaves it out where a redirect leads to another server. */
export const authorization = ({ token }: WeightSource): Record<string, string> =>
  token === undefined ? {} : { Authorization: `Bearer ${token}` };

/** Headers that ask for the rest; bytes that nothing vouches for are dropped first. */
async function rangeHeaders(source: WeightSource, partial: HashedPartial): Promise<Record<string, string>> {
  const whole = { ...authorization(source), "Accept-Encoding": "identity" };
  const { size, description } = partial.file;
  if (size === 0) return whole;
  const validator = parseOrigin(description)?.validator;
  if (validator !== undefined) return { ...whole, Range: `bytes=${size}-`, "If-Range": validator };
  // The checksum in the file's name exposes a wrong splice.
  if (source.sha256Prefix !== undefined) return { ...whole, Range: `bytes=${size}-` };
  await partial.clear();
  return whole;
}

/** 416 with our own length means that nothing is missing; with another one, that the file has changed. */
async function isComplete(
  response: Response,
  source: WeightSource,
  partial: HashedPartial,
): Promise<boolean> {
  if (response.status !== 416) return false;
  const { size } = partial.file;
  if (parseContentRange(response.headers.get("content-range"))?.total === size && size > 0) return true;
  await partial.clear();
  throw new TransferError(
    "weights/range-refused",
    `${source.url}: the server refused to continue at byte ${size}; starting over.`,
    { retryable: true },
  );
}

/** Decides what the body is, a continuation or the whole file, and returns the whole file's length. */
async function alignWithResponse(
  response: Response,
  source: WeightSource,
  partial: HashedPartial,
): Promise<number | undefined> {
  const { headers, status } = response;
  if (status !== 200 && status !== 206) throw statusError(source, response);

  if (status === 206) {
    const range = parseContentRange(headers.get("content-range"));
    const before = parseOrigin(partial.file.description);
    const now = originOf(source.url, headers, range?.total);
    const sameFile =
      before === undefined ||
      ((before.total === undefined || now.total === undefined || before.total === now.total) &&
        (before.validator === undefined ||
          now.validator === undefined ||
          before.validator === now.validator));
    if (range?.start !== partial.file.size || !sameFile) {
      await partial.clear();
      throw new TransferError(
        "weights/range-mismatch",
        `${source.url}: the file changed since the download began; starting over.`,
        { retryable: true },
      );
    }
    checkLength(range.total, source);
    return range.total;
  }

  const encoded = headers.get("content-encoding") ?? "identity";
  const length = encoded === "identity" ? headers.get("content-length") : null;
  const total = length === null ? undefined : Number(length);
  checkLength(total, source);
  if (partial.file.size > 0) await partial.clear();
  await partial.file.describe(JSON.stringify(originOf(source.url, headers, total)));
  return total;
}

/** Another length than the published one is another file: said before it is downloaded. */
function checkLength(total: number | undefined, source: WeightSource): void {
  if (total === undefined || source.bytes === undefined || total === source.bytes) return;
  throw new WeightsError(
    "weights/size-mismatch",
    `${source.url}: expected ${source.bytes} bytes, the server offers ${total}. ` +
      "This is not the published file: check the base URL and any proxy in between.",
  );
}

async function receive(
  response: Response,
  total: number | undefined,
  source: WeightSource,
  partial: HashedPartial,
  network: NetworkWatch,
  { timing, emit }: TransferContext,
): Promise<void> {
  const { file, url } = source;
  const limit = total ?? source.bytes ?? longestBody;
  const received = partial.file.size;
  emit({ type: "start", file, url, received, total });
  const meter = progressMeter({ file, total, received }, timing.progressInterval, emit);
  const reader = (response.body ?? new Blob([]).stream()).getReader();
  try {
    for (let first = true; ; first = false) {
      const { done, value } = await network.watch(() => reader.read());
      if (done) break;
      if (partial.file.size + value.byteLength > limit) {
        await partial.clear();
        throw new WeightsError(
          "weights/size-mismatch",
          `${url}: expected at most ${limit} bytes, the server sends more.`,
        );
      }
      await partial.append(value, first);
      meter.report(partial.file.size);
    }
  } finally {
    reader.releaseLock();
  }
  const expected = total ?? source.bytes;
  if (expected !== undefined && partial.file.size < expected) {
    throw new TransferError(
      "weights/incomplete",
      `${url}: the connection ended after ${partial.file.size} of ${expected} bytes.`,
      { retryable: true },
    );
  }
  meter.report(partial.file.size, true);
}

/** Where the bytes of a partial file came from: enough to ask for the rest of the same file. */
interface Origin {
  readonly url: string;
  /** A strong ETag or a Last-Modified date, as If-Range wants it. */
  readonly validator: string | undefined;
  /** Length of the whole file. */
  readonly total: number | undefined;
}

/** The origin that a response names. Weak ETags promise the same meaning, not the same bytes: passed over. */
function originOf(url: string, headers: Headers, total: number | undefined): Origin {
  const etag = headers.get("etag");
  const strong = etag !== null && etag.startsWith('"') ? etag : undefined;
  return { url, validator: strong ?? headers.get("last-modified") ?? undefined, total };
}

/** Reads what `JSON.stringify` wrote of an origin; anything else is undefined. */
function parseOrigin(text: string | undefined): Origin | undefined {
  try {
    const value = JSON.parse(text ?? "null") as Partial<Record<keyof Origin, unknown>> | null;
    if (typeof value?.url !== "string") return undefined;
    return {
      url: value.url,
      validator: typeof value.validator === "string" ? value.validator : undefined,
      total: typeof value.total === "number" ? value.total : undefined,
    };
  } catch {
    return undefined;
  }
}

/** The bytes that a 206 response carries, or the length that a 416 response names. */
interface ContentRange {
  readonly start: number | undefined;
  readonly total: number | undefined;
}

/** Reads a Content-Range header (RFC 9110, section 14.4); undefined when it is absent or no range of bytes. */
export function parseContentRange(value: string | null): ContentRange | undefined {
  const match = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(value?.trim() ?? "");
  if (match === null) return undefined;
  const number = (text: string | undefined): number | undefined =>
    text === undefined || text === "*" ? undefined : Number(text);
  return { start: number(match[1]), total: number(match[2]) };
}

/** Milliseconds after which an old rate counts for 1/e. */
const memory = 3000;

/** Turns byte counts into progress events at a bounded pace. */
interface ProgressMeter {
  /** Reports `received` bytes; the last report of a download passes `final` and is never dropped. */
  report(received: number, final?: boolean): void;
}

function progressMeter(
  about: Pick<HubProgress, "file" | "total"> & { readonly received: number },
  interval: number,
  emit: (event: HubProgress) => void,
): ProgressMeter {
  let last = { time: performance.now(), received: about.received };
  let rate: number | undefined;
  return {
    report(received, final = false) {
      const time = performance.now();
      const elapsed = time - last.time;
      if (elapsed < interval && !final) return;
      if (elapsed > 0) {
        const current = ((received - last.received) / elapsed) * 1000;
        const weight = Math.exp(-elapsed / memory);
        rate = rate === undefined ? current : weight * rate + (1 - weight) * current;
      }
      last = { time, received };
      emit({ type: "progress", file: about.file, received, total: about.total, rate: rate ?? 0 });
    },
  };
}
