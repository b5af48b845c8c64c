import { DataError } from "../../core/index.ts";
import {
  endsEarly,
  joinBytes,
  type OpenFile,
  type OpenOptions,
  type Storage,
} from "../../core/storage/index.ts";
import { factsOf, rangeOf, wholeOf, type ObjectFacts, type ObjectSource } from "./object-source.ts";
import type { Spool } from "./spool.ts";

/** Bytes from which on an object that is read as a whole goes by way of the disk, in several ranges at once. */
export const spooledFrom = 8 * 2 ** 20;

/** Ranges of a smaller object that are asked for one by one before it goes to the disk, too: images of an archive are thousands. */
const fewRanges = 4;

/**
 * The files of a store, for reading. What is read from beginning to end, large, is fetched to the spool, and so is a smaller object
 * of which many ranges are read; single ranges are taken from there where it has them, else from the store.
 */
export function objectReading(
  source: ObjectSource,
  spool: Spool,
): Pick<Storage, "open" | "prepare" | "stream"> {
  const fits = (facts: ObjectFacts): boolean => facts.version !== "" && spool.canHold(facts.size);
  const isSpooled = (facts: ObjectFacts): boolean => facts.size >= spooledFrom && fits(facts);

  const open = async (uri: string, { whole = false, signal }: OpenOptions = {}): Promise<OpenFile> => {
    const facts = await factsOf(source, uri, signal);
    const { size } = facts;
    if (whole && isSpooled(facts)) return spool.open(source, uri, facts, signal);
    const all = { from: 0, to: size };
    const kept =
      whole && size < spooledFrom ? await bytesOf(rangeOf(source, uri, facts, all, signal)) : undefined;
    const standing = await spool.standing(source, uri, facts);
    if (standing) return standing;
    const mayGo = size < spooledFrom && fits(facts);
    let ranges = 0;
    let fetching: Promise<OpenFile | undefined> | undefined;
    const unlessGone = (error: unknown): undefined => {
      if (error instanceof DataError && error.code === "data/unavailable") throw error;
    };
    /** The object on disk, once many ranges were asked for; undefined where it cannot be had as a whole. */
    const fetched = (): Promise<OpenFile | undefined> | undefined =>
      mayGo && ++ranges > fewRanges
        ? (fetching ??= spool.open(source, uri, facts).catch(unlessGone))
        : undefined;
    const close = async (): Promise<void> => (await fetching?.catch(() => undefined))?.close();
    return {
      name: uri,
      size,
      async read(offset, length) {
        if (offset < 0 || length < 0 || offset + length > size) throw endsEarly(uri, offset, length, size);
        if (kept) return kept.slice(offset, offset + length);
        const file = await fetched();
        if (file) return file.read(offset, length);
        return bytesOf(rangeOf(source, uri, facts, { from: offset, to: offset + length }));
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  };

  const prepare = async (uri: string, signal: AbortSignal | undefined): Promise<void> => {
    const facts = await factsOf(source, uri, signal);
    if (isSpooled(facts)) await spool.fetchAhead(source, uri, facts, signal);
  };

  return {
    open,
    // What is wrong with it is said when it is read.
    prepare: (uri, { signal } = {}) => void prepare(uri, signal).catch(() => undefined),
    stream(uri, { signal } = {}) {
      return wholeOf(
        source,
        uri,
        (facts) => (isSpooled(facts) ? spool.stream(source, uri, facts, signal) : undefined),
        signal,
      );
    },
  };
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return joinBytes(chunks);
}
