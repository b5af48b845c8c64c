import { createHash } from "node:crypto";
import { createReadStream, type Stats } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { fileError } from "../file-error.ts";
import { openImages } from "../images/index.ts";
import { inputPaths } from "../images/input-paths.ts";
import { writeFileAtomic } from "../write-file.ts";

/** Hashes of files, kept between processes for as long as size and time of a file stay the same. */
export interface Fingerprints {
  /** SHA-256 of the bytes of a file. */
  file(path: string, signal?: AbortSignal): Promise<string>;
  /**
   * Hash of data as `openImages` takes them: of the bytes of archives and tables; of the names, sizes and times of
   * the images in a folder.
   */
  data(inputs: readonly string[], signal?: AbortSignal): Promise<string>;
  /** Writes what was found out to disk. */
  save(): Promise<void>;
}

const entry = z.object({ size: z.number(), modified: z.number(), sha256: z.string() });
const schema = z.record(z.string(), entry);

/** @param store File that keeps the hashes; one that is missing or damaged counts as empty. */
export async function openFingerprints(store: string): Promise<Fingerprints> {
  const text = await readFile(store, "utf8").catch(() => "{}");
  const known = new Map(Object.entries(parseKept(text)));

  const file = async (given: string, signal?: AbortSignal): Promise<string> => {
    const name = resolve(given);
    const { size, mtimeMs: modified } = await statFile(name);
    const kept = known.get(name);
    if (kept?.size === size && kept.modified === modified) return kept.sha256;
    const hash = createHash("sha256");
    try {
      await pipeline(createReadStream(name), hash, signal ? { signal } : {});
    } catch (cause) {
      signal?.throwIfAborted();
      throw fileError(given, cause);
    }
    const sha256 = hash.digest("hex");
    known.set(name, { size, modified, sha256 });
    return sha256;
  };

  return {
    file,
    async data(inputs, signal) {
      const hash = createHash("sha256");
      for (const input of inputs) {
        for (const path of await inputPaths(input)) {
          hash.update(
            (await statFile(path)).isDirectory() ? await folderHash(path, signal) : await file(path, signal),
          );
        }
      }
      return hash.digest("hex");
    },
    save: () => writeFileAtomic(store, [Buffer.from(JSON.stringify(Object.fromEntries(known)))]),
  };
}

/** Hash of the names, sizes and times of a folder's images. */
export async function folderHash(folder: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const { id } of await openImages([folder], { scan: false, signal })) {
    const { size, mtimeMs } = await statFile(id);
    hash.update(JSON.stringify([relative(folder, id), size, mtimeMs]));
  }
  return hash.digest("hex");
}

function parseKept(text: string): z.infer<typeof schema> {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return {};
  }
}

async function statFile(path: string): Promise<Stats> {
  try {
    return await stat(path);
  } catch (cause) {
    throw fileError(path, cause);
  }
}
