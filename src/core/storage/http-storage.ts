import { DataError, SslResnextError } from "../errors.ts";
import { fetchFailure } from "./fetch-failure.ts";
import {
  endsEarly,
  joinBytes,
  notFound,
  type OpenFile,
  type Storage,
  type StorageOptions,
} from "./storage.ts";

/** A file of a server without ranges is kept while it is open; one of more than this is refused. */
const largestKept = 2 ** 30;

/**
 * Files behind `http:` and `https:`, for reading: parts by ranges, whole files in one request.
 *
 * What the server refuses is a DataError: `data/not-found` (404, 410), `data/permission` (401, 403), else
 * `data/unreadable`. Writing is `data/read-only`, listing `data/no-listing`, as HTTP knows no folders.
 *
 * @param fetch For proxies, headers and the like. @default the platform's
 */
export function httpStorage(fetch: typeof globalThis.fetch = globalThis.fetch): Storage {
  const send = async (uri: string, init: RequestInit): Promise<Response> => {
    try {
      return await fetch(uri, init);
    } catch (cause) {
      init.signal?.throwIfAborted();
      throw unreachable(uri, cause);
    }
  };

  /** Length and time of a file; the length is undefined where the server does not say. */
  const look = async (
    uri: string,
  ): Promise<{ readonly size: number | undefined; readonly modified: number }> => {
    const head = await send(uri, { method: "HEAD", headers: { "accept-encoding": "identity" } });
    const facts = { size: lengthOf(head), modified: modifiedOf(head) };
    if (head.ok && facts.size !== undefined) return facts;
    if (isMissing(head.status)) throw notFound(uri);
    // Signed URLs are for GET only, and not every server states a length without being asked for bytes.
    const first = await send(uri, { headers: { range: "bytes=0-0" } });
    await first.body?.cancel();
    if (!first.ok && first.status !== 416) throw refused(uri, first.status);
    return { size: totalOf(first) ?? lengthOf(first), modified: modifiedOf(first) };
  };

  const get = async (uri: string, init: RequestInit): Promise<Response> => {
    const response = await send(uri, init);
    if (response.ok) return response;
    await response.body?.cancel();
    throw refused(uri, response.status);
  };

  async function* stream(
    uri: string,
    { signal }: StorageOptions = {},
  ): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    signal?.throwIfAborted();
    const { body } = await get(uri, signal ? { signal } : {});
    if (!body) return;
    const reader = body.getReader();
    try {
      for (;;) {
        const next = await reader.read();
        if (next.done) return;
        yield next.value;
      }
    } catch (cause) {
      signal?.throwIfAborted();
      throw unreachable(uri, cause);
    } finally {
      await reader.cancel().catch(() => undefined);
    }
  }

  const whole = async (uri: string): Promise<Uint8Array<ArrayBuffer>> => {
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    let size = 0;
    for await (const chunk of stream(uri)) {
      size += chunk.byteLength;
      if (size > largestKept) throw withoutRanges(uri);
      chunks.push(chunk);
    }
    return joinBytes(chunks);
  };

  const open = async (uri: string): Promise<OpenFile> => {
    const { size: stated } = await look(uri);
    let kept = stated === undefined ? await whole(uri) : undefined;
    const size = stated ?? kept!.byteLength;
    const close = (): Promise<void> => {
      kept = undefined;
      return Promise.resolve();
    };
    return {
      name: uri,
      size,
      async read(offset, length) {
        if (offset < 0 || length < 0 || offset + length > size) throw endsEarly(uri, offset, length, size);
        if (length === 0) return new Uint8Array(0);
        if (kept) return kept.slice(offset, offset + length);
        const range = `bytes=${offset}-${offset + length - 1}`;
        // Browsers keep one copy of a file; several workers that ask for parts of it at once get in each other's way.
        const response = await send(uri, { headers: { range }, cache: "no-store" });
        const end = totalOf(response) ?? size;
        if (response.status === 206 && end === size) {
          const bytes = new Uint8Array(await bodyOf(uri, response));
          if (bytes.byteLength === length) return bytes;
          throw endsEarly(uri, offset, length, offset + bytes.byteLength);
        }
        await response.body?.cancel();
        if (end !== size || response.status === 416) throw endsEarly(uri, offset, length, end);
        if (!response.ok) throw refused(uri, response.status);
        if (size > largestKept) throw withoutRanges(uri);
        kept = await whole(uri);
        if (kept.byteLength < offset + length) throw endsEarly(uri, offset, length, kept.byteLength);
        return kept.slice(offset, offset + length);
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  };

  return {
    async stat(uri) {
      try {
        const { size = 0, modified } = await look(uri);
        return { kind: "file", size, modified, identity: undefined };
      } catch (error) {
        if (error instanceof DataError && error.code === "data/not-found") return undefined;
        throw error;
      }
    },
    // Before anything is asked of the server.
    list: (uri) => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(noListing(uri)) }) }),
    open,
    stream,
    ...readOnly("files behind HTTP can only be read. Write elsewhere."),
    join(folder, ...names) {
      const url = new URL(folder);
      // The setter encodes what would end the path.
      url.pathname = [url.pathname.replace(/\/+$/, ""), ...names].join("/");
      return url.href;
    },
    resolve: (uri) => new URL(uri).href,
    path: () => undefined,
  };
}

/** The length that a response states of its body, where it is the file's. */
function lengthOf({ headers }: Response): number | undefined {
  const length = headers.get("content-length");
  return length === null || headers.has("content-encoding") ? undefined : Number(length);
}

/** The length of the whole file, of which a response has a part. */
function totalOf({ headers }: Response): number | undefined {
  const total = /\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1];
  return total === undefined ? undefined : Number(total);
}

const modifiedOf = ({ headers }: Response): number => Date.parse(headers.get("last-modified") ?? "") || 0;

async function bodyOf(uri: string, response: Response): Promise<ArrayBuffer> {
  try {
    return await response.arrayBuffer();
  } catch (cause) {
    throw unreachable(uri, cause);
  }
}

const isMissing = (status: number): boolean => status === 404 || status === 410;

function refused(uri: string, status: number): DataError {
  if (isMissing(status)) return notFound(uri);
  return status === 401 || status === 403
    ? new DataError(
        "data/permission",
        `${uri}: the server answered ${status}. It gives the file to others only.`,
      )
    : new DataError(
        "data/unreadable",
        `${uri}: expected the file, the server answered ${status}. Try it later.`,
      );
}

function unreachable(uri: string, cause: unknown): SslResnextError {
  if (cause instanceof SslResnextError) return cause;
  return new DataError(
    "data/unreadable",
    `${uri}: the server cannot be reached or broke off (${fetchFailure(cause).reason}). Check the address and the network.`,
    { cause },
  );
}

const withoutRanges = (uri: string): DataError =>
  new DataError(
    "data/no-ranges",
    `${uri}: the server sends whole files only (no HTTP ranges), and this one is larger than ${largestKept} bytes. Download it first.`,
  );

const noListing = (uri: string): DataError =>
  new DataError(
    "data/no-listing",
    `${uri}: expected a folder that can be listed, HTTP has none. Name each file; ranges such as {000..009} are expanded.`,
  );

/** Everything that would change the files of a storage that can only be read: it rejects with this as the reason. */
export function readOnly(
  why: string,
): Pick<Storage, "create" | "grow" | "makeFolder" | "move" | "remove" | "lock"> {
  const refuse = (uri: string): Promise<never> =>
    Promise.reject(new DataError("data/read-only", `${uri}: ${why}`));
  return {
    create: refuse,
    grow: refuse,
    makeFolder: refuse,
    move: (_, to) => refuse(to),
    remove: refuse,
    lock: refuse,
  };
}
