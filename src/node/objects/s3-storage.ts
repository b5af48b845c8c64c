import { DataError } from "../../core/index.ts";
import {
  endsEarly,
  joinBytes,
  notAFile,
  notFound,
  readBytes,
  type GrowingFile,
  type Storage,
} from "../../core/storage/index.ts";
import { absent, ask, factsOf } from "./object-source.ts";
import { joinNames } from "./lazy-storage.ts";
import { objectReading } from "./object-storage.ts";
import { listKeys } from "./s3-listing.ts";
import { lockObject } from "./s3-lock.ts";
import { encodeKey, s3Name, s3Source, type S3SourceOptions } from "./s3-source.ts";
import { putObject, s3Writer } from "./s3-writer.ts";
import { processSpool, type Spool } from "./spool.ts";

/** Deletions at a time. */
const parallelDeletions = 16;

export interface S3Options extends S3SourceOptions {
  readonly spool?: Spool | undefined;
}

/**
 * Files of an object store: `s3://bucket/key`, the key being taken as it is. A folder is what stands before a slash in a key; one
 * that is made while nothing is in it is an object of its name and a slash.
 */
export function s3Storage({ spool = processSpool(), ...options }: S3Options = {}): Storage {
  const source = s3Source(options);
  const reading = objectReading(source, spool);

  const folderKey = (uri: string): string => {
    const { key } = s3Name(uri);
    return key === "" || key.endsWith("/") ? key : `${key}/`;
  };
  /** Whether anything stands below a name. @throws DataError for a bucket that is not there */
  const isFolder = async (uri: string): Promise<boolean> => {
    const prefix = folderKey(uri);
    for await (const { keys, folders } of listKeys(source, uri, prefix, { page: 1 }))
      return prefix === "" || keys.length + folders.length > 0;
    return false;
  };
  const orFolder =
    (uri: string) =>
    async (error: unknown): Promise<never> => {
      absent(error);
      throw (await isFolder(uri)) ? notAFile(uri) : error;
    };
  const buckets = new Map<string, Promise<unknown>>();
  /** Refuses, once for each bucket, one that is not there: what is written would be lost when all of it is done. */
  const checkBucket = (uri: string): Promise<unknown> => {
    const { bucket, key } = s3Name(uri);
    const known = buckets.get(bucket);
    if (known) return known;
    // Who may write may be forbidden to list.
    const found = listKeys(source, uri, key, { page: 1 })
      .next()
      .catch((error: unknown) => {
        if (error instanceof DataError && error.code === "data/permission") return;
        buckets.delete(bucket);
        throw error;
      });
    buckets.set(bucket, found);
    return found;
  };
  const isFileName = (uri: string): boolean => !/^$|\/$/.test(s3Name(uri).key);

  return {
    async stat(uri) {
      const facts = isFileName(uri) ? await factsOf(source, uri).catch(absent) : undefined;
      if (facts) return { kind: "file", size: facts.size, modified: facts.modified, identity: undefined };
      return (await isFolder(uri))
        ? { kind: "folder", size: 0, modified: 0, identity: undefined }
        : undefined;
    },
    async *list(uri, { signal } = {}) {
      const prefix = folderKey(uri);
      let found = prefix === "";
      for await (const { keys, folders } of listKeys(source, uri, prefix, { signal })) {
        found ||= keys.length + folders.length > 0;
        for (const key of folders) {
          const name = key.slice(prefix.length);
          // A folder without a name, of a key such as "a//b", would be this one again.
          if (name !== "") yield { name, kind: "folder" };
        }
        for (const key of keys) if (key !== prefix) yield { name: key.slice(prefix.length), kind: "file" };
      }
      if (!found) throw notFound(uri);
    },
    open: (uri, given) => reading.open(uri, given).catch(orFolder(uri)),
    prepare: (uri, given) => reading.prepare?.(uri, given),
    async *stream(uri, given) {
      let begun = false;
      try {
        for await (const chunk of reading.stream(uri, given)) {
          begun = true;
          yield chunk;
        }
      } catch (error) {
        if (begun) throw error;
        await orFolder(uri)(error);
      }
    },
    async create(uri) {
      await checkBucket(uri);
      return s3Writer(source, uri);
    },
    grow: (uri) => growObject(uri),
    async makeFolder(uri) {
      const key = folderKey(uri);
      if (key !== "" && !(await isFolder(uri)))
        await putObject(source, `s3://${s3Name(uri).bucket}/${key}`, new Uint8Array(0));
    },
    async move(from, to) {
      const { bucket, key } = s3Name(from);
      const headers = { "x-amz-copy-source": `/${bucket}/${encodeKey(key)}` };
      await ask(source, to, { method: "PUT", headers, isLate: true });
      if (from !== to) await ask(source, from, { method: "DELETE" });
    },
    async remove(uri) {
      const { bucket } = s3Name(uri);
      await ask(source, uri, { method: "DELETE" });
      for await (const { keys } of listKeys(source, uri, folderKey(uri), { deep: true })) {
        for (let at = 0; at < keys.length; at += parallelDeletions) {
          const some = keys.slice(at, at + parallelDeletions);
          await Promise.all(some.map((key) => ask(source, `s3://${bucket}/${key}`, { method: "DELETE" })));
        }
      }
    },
    lock: (uri, given) => lockObject(source, uri, given),
    join: joinNames,
    resolve: (uri) => uri,
    path: () => undefined,
  };

  /** Nothing can be added to an object: it is kept, and written as a whole where it has to last. */
  async function growObject(uri: string): Promise<GrowingFile> {
    const found = await readBytes(reading, uri).catch(absent);
    let bytes: Uint8Array<ArrayBuffer> = found ?? new Uint8Array(0);
    let added: Uint8Array[] = [];
    let size = bytes.byteLength;
    // What stands in the store: whatever is added makes other bytes.
    let written = found;
    const all = (): Uint8Array<ArrayBuffer> => {
      if (added.length > 0) bytes = joinBytes([bytes, ...added]);
      added = [];
      return bytes;
    };
    const sync = async (): Promise<void> => {
      const whole = all();
      if (written === whole) return;
      await putObject(source, uri, whole);
      written = whole;
    };
    return {
      name: uri,
      get size() {
        return size;
      },
      async read(offset, length) {
        if (offset < 0 || length < 0 || offset + length > size) throw endsEarly(uri, offset, length, size);
        return all().slice(offset, offset + length);
      },
      async append(more) {
        added.push(more.slice());
        size += more.byteLength;
      },
      async truncate(length) {
        if (length >= size) return;
        bytes = all().slice(0, length);
        size = length;
      },
      sync,
      close: sync,
      [Symbol.asyncDispose]: sync,
    };
  }
}
