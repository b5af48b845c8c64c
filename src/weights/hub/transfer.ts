import { WeightsError } from "../../core/index.ts";
import { parseContentRange } from "./content-range.ts";
import type { HashedPartial } from "./hashed-partial.ts";
import type { OnHubEvent } from "./hub-events.ts";
import type { HubTiming } from "./hub-timing.ts";
import { networkWatch, type NetworkWatch } from "./network-watch.ts";
import { originOf, parseOrigin } from "./origin.ts";
import { progressMeter } from "./progress-meter.ts";
import { statusError, TransferError } from "./transfer-error.ts";
import type { WeightSource } from "./weight-source.ts";

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
export async function transfer(
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

/** Headers that ask for the rest; bytes that nothing vouches for are dropped first. */
async function rangeHeaders(source: WeightSource, partial: HashedPartial): Promise<Record<string, string>> {
  const whole = { "Accept-Encoding": "identity" };
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
  if (status !== 200 && status !== 206) throw statusError(source.url, response);

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
