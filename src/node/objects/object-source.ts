import { DataError } from "../../core/index.ts";
import { fetchFailure } from "../../core/storage/index.ts";
import { PassingFailure, pauseAfter, retrying, watchdog } from "./retry.ts";

/** What identifies an object as it is now. */
export interface ObjectFacts {
  readonly size: number;
  /** Its ETag, by which all ranges are known to be of one version. */
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly modified: number;
}

/** A request as a store is asked, without what it needs to be let in. */
export interface ObjectRequest {
  readonly method?: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Whether the store begins to answer before it is done: it may take minutes, and can fail in words only, its status being 200. */
  readonly isLate?: boolean;
}

/** Where objects are read from: what a request goes to, and what a refusal means, differ. */
export interface ObjectSource {
  /** Sends one request, once. */
  send(uri: string, request: ObjectRequest, signal: AbortSignal): Promise<Response>;
  /** The error for an answer that is not 2xx. */
  refusal(uri: string, status: number, headers: Headers, body: string): DataError;
  /** Milliseconds without a byte after which an exchange is given up and tried again; more where much is sent. */
  readonly stallAfter: number;
}

/** Bytes that a request may send in `stallAfter`: 100 kB/s at 15 s. Nothing says how many have gone. */
const sentMeanwhile = 1.5e6;
/** How many times as long a late answer may take: five minutes at 15 s. */
const lateFactor = 20;

/** Statuses of servers that are busy or being changed. */
const passing: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** One exchange: what is done with the answer has to be over when `use` is. */
async function exchange<T>(
  source: ObjectSource,
  uri: string,
  request: ObjectRequest,
  signal: AbortSignal | undefined,
  use: (response: Response) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const { body, isLate = false } = request;
  const patience = (isLate ? lateFactor : 1) + (body?.byteLength ?? 0) / sentMeanwhile;
  const guard = watchdog(source.stallAfter * patience, signal);
  try {
    const response = await source.send(uri, request, guard.signal);
    return await use(await accepted(source, uri, response));
  } catch (cause) {
    throw brokenOff(uri, cause, guard.signal, signal);
  } finally {
    guard.end();
  }
}

/** The answer, when it is a good one. */
async function accepted(source: ObjectSource, uri: string, response: Response): Promise<Response> {
  if (response.ok) return response;
  const { status, headers } = response;
  const body = await response.text();
  const error = source.refusal(uri, status, headers, body);
  // S3 says so where a body was too slow, with 400.
  const isPassing = passing.has(status) || body.includes("<Code>RequestTimeout</Code>");
  throw isPassing ? new PassingFailure(error) : error;
}

/** What a failed exchange means. */
function brokenOff(
  uri: string,
  cause: unknown,
  guard: AbortSignal,
  signal: AbortSignal | undefined,
): unknown {
  signal?.throwIfAborted();
  if (cause instanceof DataError || cause instanceof PassingFailure) return cause;
  const { reason, lasting } = fetchFailure(guard.aborted ? guard.reason : cause);
  const error = new DataError(
    "data/unavailable",
    `${uri}: the server cannot be reached or broke off (${reason}). Check the address and the network.`,
    { cause },
  );
  return lasting ? error : new PassingFailure(error);
}

/** A whole answer. */
export interface Answer {
  readonly headers: Headers;
  readonly body: string;
}

/** Sends a request until it is answered, and gives the whole answer. @throws DataError */
export function ask(
  source: ObjectSource,
  uri: string,
  request: ObjectRequest,
  signal?: AbortSignal,
): Promise<Answer> {
  return retrying(
    () =>
      exchange(source, uri, request, signal, async (response) => {
        const { headers } = response;
        const body = await response.text();
        if (request.isLate && body.includes("<Error>"))
          throw new PassingFailure(source.refusal(uri, 500, headers, body));
        return { headers, body };
      }),
    signal,
  );
}

/** Nothing, where nothing stands. @throws what else went wrong */
export function absent(error: unknown): undefined {
  if (error instanceof DataError && error.code === "data/not-found") return undefined;
  throw error;
}

/** What nobody says more about when asked in another way. */
const endsThere: ReadonlySet<string> = new Set(["data/not-found", "data/unavailable"]);

/** What stands at a URI. @throws DataError `data/not-found` and what else is refused */
export async function factsOf(source: ObjectSource, uri: string, signal?: AbortSignal): Promise<ObjectFacts> {
  const headers = { "accept-encoding": "identity" };
  const found = await ask(source, uri, { method: "HEAD", headers }, signal).catch(async (error: unknown) => {
    if (!(error instanceof DataError) || endsThere.has(error.code)) throw error;
    // An answer to HEAD has no words: the first byte has, where it is refused as well.
    await ask(source, uri, { headers: { ...headers, range: "bytes=0-0" } }, signal);
    throw error;
  });
  return factsIn(uri, found.headers);
}

function factsIn(uri: string, headers: Headers): ObjectFacts {
  const encoding = headers.get("content-encoding") ?? "identity";
  if (encoding !== "identity" && encoding !== "aws-chunked") {
    throw new DataError(
      "data/unreadable",
      `${uri}: expected an object as it is, this one says "Content-Encoding: ${encoding}" and changes on its way. Store it without that entry.`,
    );
  }
  const size = headers.get("content-length");
  if (size === null) {
    throw new DataError(
      "data/unreadable",
      `${uri}: expected the server to say how long the object is, there is no Content-Length in its answer. Download it first.`,
    );
  }
  return {
    size: Number(size),
    version: headers.get("etag") ?? "",
    modified: Date.parse(headers.get("last-modified") ?? "") || 0,
  };
}

interface Range {
  readonly from: number;
  /** One behind the last. */
  readonly to: number;
}

/**
 * The bytes of a range of one version of an object, from beginning to end: what breaks off or stands still goes on at the byte.
 *
 * @throws DataError `data/unreadable` when the object is another one by now
 */
export async function* rangeOf(
  source: ObjectSource,
  uri: string,
  { version, size }: ObjectFacts,
  { from, to }: Range,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let failures = 0;
  for (let at = from; at < to;) {
    const headers = {
      range: `bytes=${at}-${to - 1}`,
      // A weak one is none that a server compares.
      ...(version === "" || version.startsWith("W/") ? {} : { "if-match": version }),
    };
    const guard = watchdog(source.stallAfter, signal);
    try {
      const response = await source.send(uri, { headers }, guard.signal);
      if (response.status === 412) throw changed(uri);
      const { body, headers: answer, status } = await accepted(source, uri, response);
      const total = Number(
        /\/(\d+)$/.exec(answer.get("content-range") ?? "")?.[1] ?? answer.get("content-length"),
      );
      const isOther = (answer.get("etag") ?? version) !== version || total !== size;
      if (isOther || (status !== 206 && at > 0)) {
        await body?.cancel();
        throw isOther ? changed(uri) : withoutRanges(uri);
      }
      for await (const chunk of body ?? []) {
        guard.rest();
        const bytes = chunk.subarray(0, to - at);
        at += bytes.byteLength;
        failures = 0;
        yield bytes;
        // A server that gives all of it is not listened to for longer.
        if (status !== 206 && at === to) break;
        guard.alive();
      }
      if (at < to) throw new Error(`it ended at byte ${at} of ${to}`);
    } catch (cause) {
      await pauseAfter(++failures, brokenOff(uri, cause, guard.signal, signal), signal);
    } finally {
      guard.end();
    }
  }
}

/**
 * The bytes of an object from its beginning, in one request where nothing goes wrong.
 *
 * @param begun Is told what it is before the first byte; what it returns is taken in place of the bytes.
 */
export async function* wholeOf(
  source: ObjectSource,
  uri: string,
  begun: (facts: ObjectFacts) => AsyncIterable<Uint8Array<ArrayBuffer>> | undefined,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const first = await retrying(async () => {
    const guard = watchdog(source.stallAfter, signal);
    try {
      const response = await source.send(uri, { headers: { "accept-encoding": "identity" } }, guard.signal);
      const { headers, body } = await accepted(source, uri, response);
      return { facts: factsIn(uri, headers), body, guard };
    } catch (cause) {
      guard.end();
      throw brokenOff(uri, cause, guard.signal, signal);
    }
  }, signal);
  const { facts, body, guard } = first;
  let at = 0;
  try {
    const instead = begun(facts);
    if (instead) {
      await body?.cancel();
      guard.end();
      yield* instead;
      return;
    }
    for await (const chunk of body ?? []) {
      guard.rest();
      at += chunk.byteLength;
      yield chunk;
      guard.alive();
    }
  } catch (cause) {
    const failure = brokenOff(uri, cause, guard.signal, signal);
    if (!(failure instanceof PassingFailure)) throw failure;
  } finally {
    guard.end();
  }
  yield* rangeOf(source, uri, facts, { from: at, to: facts.size }, signal);
}

const changed = (uri: string): DataError =>
  new DataError(
    "data/unreadable",
    `${uri}: the object was replaced while it was read. Leave the data as they are during a run, and start it again.`,
  );

const withoutRanges = (uri: string): DataError =>
  new DataError(
    "data/no-ranges",
    `${uri}: the server sends whole files only (no HTTP ranges). Download it first.`,
  );
