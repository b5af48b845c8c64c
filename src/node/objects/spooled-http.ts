import { DataError } from "../../core/index.ts";
import { notFound, type OpenFile, type OpenOptions, type Storage } from "../../core/storage/index.ts";
import type { ObjectSource } from "./object-source.ts";
import { objectReading, spooledFrom } from "./object-storage.ts";
import { processSpool, type Spool } from "./spool.ts";

/**
 * Opens a file behind HTTP that is read as a whole: by way of the spool where the server says what is needed for it, which are
 * length, ranges and a strong ETag; else as it is.
 */
export async function openSpooledHttp(
  http: Pick<Storage, "open">,
  fetch: typeof globalThis.fetch,
  uri: string,
  options: OpenOptions,
  spool: Spool = processSpool(),
): Promise<OpenFile> {
  const head = await fetch(uri, { method: "HEAD", headers: { "accept-encoding": "identity" } }).catch(
    () => undefined,
  );
  const about = (name: string): string => head?.headers.get(name) ?? "";
  const isWhole = head?.ok === true && about("accept-ranges") === "bytes" && about("content-encoding") === "";
  const isSpooled =
    isWhole && about("etag").startsWith('"') && Number(about("content-length")) >= spooledFrom;
  if (!isSpooled) return http.open(uri, options);
  const source: ObjectSource = {
    stallAfter: 15_000,
    send: (_, { method = "GET", headers = {} }, signal) => fetch(uri, { method, headers, signal }),
    refusal: (name, status) =>
      status === 404 || status === 410
        ? notFound(name)
        : new DataError("data/unreadable", `${name}: the server answered ${status}. Try it later.`),
  };
  return objectReading(source, spool).open(uri, options);
}
