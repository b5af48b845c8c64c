import { open, readFile, rename, rm, writeFile } from "node:fs/promises";
import type { PartialFile } from "../weights/hub/index.ts";
import type { ExplainCacheErrors } from "./cache-error.ts";
import { isErrno } from "./is-errno.ts";

/** Opens the unfinished file at `path`, which becomes `finished` when it is committed. */
export async function openPartialFile(
  path: string,
  finished: string,
  unlock: () => Promise<void>,
  explain: ExplainCacheErrors,
): Promise<PartialFile> {
  const descriptionPath = `${path}.json`;
  const handle = await open(path, "a+");
  let { size } = await handle.stat();
  let description = await readFile(descriptionPath, "utf8").catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  });

  return {
    name: path,
    get size() {
      return size;
    },
    get description() {
      return description;
    },
    read: (offset, length) =>
      explain(async () => {
        const bytes = new Uint8Array(length);
        const { bytesRead } = await handle.read(bytes, 0, length, offset);
        if (bytesRead === length) return bytes;
        throw new RangeError(`${path}: bytes ${offset}..${offset + length} lie outside its ${size} bytes.`);
      }),
    describe: (text) =>
      explain(async () => {
        await writeFile(descriptionPath, text);
        description = text;
      }),
    append: (bytes) =>
      explain(async () => {
        await handle.appendFile(bytes);
        size += bytes.byteLength;
      }),
    clear: () =>
      explain(async () => {
        if (size > 0) await handle.truncate(0);
        size = 0;
        description = undefined;
        await rm(descriptionPath, { force: true });
      }),
    commit: () =>
      explain(async () => {
        await handle.sync();
        await handle.close();
        await rename(path, finished);
        await rm(descriptionPath, { force: true });
      }),
    release: () =>
      explain(async () => {
        try {
          // Closing twice, after a commit, does nothing.
          await handle.close();
          if (size > 0) return;
          await rm(path, { force: true });
          await rm(descriptionPath, { force: true });
        } finally {
          await unlock();
        }
      }),
  };
}
