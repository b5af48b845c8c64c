import * as z from "zod";
import type { Sha256 } from "../core/index.ts";
import { existing, readText, writeText, type Entry, type Storage } from "../core/storage/index.ts";
import { openImages, pathsOfInputs } from "../data/index.ts";
import { hashedConfig } from "../nn/index.ts";
import { openModel } from "../predict/index.ts";
import { hashWeights } from "../weights/index.ts";
import type { SemiPlatform } from "./platform.ts";

/** What identifies images that lie together, and how many they are. */
interface ImagesFingerprint {
  /** Of the bytes of an archive or a table; of the names, sizes and times of the images in a folder. */
  readonly sha256: string;
  readonly images: number;
}

/** Hashes of files, kept between processes for as long as size and time of a file stay the same. */
export interface Fingerprints {
  /** SHA-256 of the bytes of a file. */
  file(path: string, signal?: AbortSignal): Promise<string>;
  /** SHA-256 of what a checkpoint computes; where it comes from does not count. */
  model(path: string, signal?: AbortSignal): Promise<string>;
  /** The images of a folder, an archive or a table. */
  images(path: string, signal?: AbortSignal): Promise<ImagesFingerprint>;
  /** SHA-256 of data as `openImages` takes them. */
  data(inputs: readonly string[], signal?: AbortSignal): Promise<string>;
  /** What is kept of a file, as another process can read it: {@link writeFingerprints}. */
  kept(path: string): Promise<KeptFingerprints>;
  /** Writes what was found out to disk. */
  save(): Promise<void>;
}

const knownSchema = z.object({
  size: z.number(),
  modified: z.number(),
  sha256: z.string().optional(),
  model: z.string().optional(),
  images: z.number().optional(),
});
const schema = z.record(z.string(), knownSchema);
type Known = z.infer<typeof knownSchema>;

/** What is kept of files, by name. */
export type KeptFingerprints = Readonly<Record<string, Known>>;

/** Milliseconds. */
const saveInterval = 10_000;

/**
 * @param store File that keeps the hashes; one that is missing or damaged counts as empty. Without it nothing is kept.
 * @param others Files of other processes, which are read too.
 */
export async function openFingerprints(
  platform: SemiPlatform,
  store: string | undefined,
  others: readonly string[] = [],
): Promise<Fingerprints> {
  const { storageFor, sha256: newHash } = platform;
  const known = new Map<string, Known>();
  for (const file of [...others, ...(store === undefined ? [] : [store])]) {
    const text = await readText(storageFor(file), file).catch(() => "{}");
    for (const [name, kept] of Object.entries(parseKept(text))) known.set(name, kept);
  }

  let saved = performance.now();
  const save = async (): Promise<void> => {
    if (store !== undefined) await writeFingerprints(platform, store, Object.fromEntries(known));
    saved = performance.now();
  };
  /** What is known of a file that stands there so. */
  const knownAt = (path: string, { size, modified }: Entry): Known => {
    const name = storageFor(path).resolve(path);
    const kept = known.get(name);
    if (kept?.size === size && kept.modified === modified) return kept;
    const fresh: Known = { size, modified };
    known.set(name, fresh);
    return fresh;
  };
  const knownOf = async (path: string): Promise<Known> => knownAt(path, await entryOf(platform, path));
  const hashOf = async (path: string, kept: Known, signal: AbortSignal | undefined): Promise<string> => {
    if (kept.sha256 !== undefined) return kept.sha256;
    kept.sha256 = await bytesHash(platform, path, signal);
    // Hashing many shards takes hours, of which little is to be lost.
    if (performance.now() - saved > saveInterval) await save();
    return kept.sha256;
  };
  const file: Fingerprints["file"] = async (path, signal) => hashOf(path, await knownOf(path), signal);
  const images: Fingerprints["images"] = async (path, signal) => {
    // Asked once: in an object store that is a request, and there may be a million archives.
    const entry = await entryOf(platform, path);
    if (entry.kind === "folder") return folderFingerprint(platform, path, signal);
    const kept = knownAt(path, entry);
    const sha256 = await hashOf(path, kept, signal);
    return { sha256, images: (kept.images ??= await countImages(platform, path, signal)) };
  };
  return {
    file,
    images,
    async model(path, signal) {
      const kept = await knownOf(path);
      return (kept.model ??= await modelHash(platform, path, signal));
    },
    async data(inputs, signal) {
      const hash = newHash();
      for (const path of await pathsOfInputs(storageFor, inputs)) {
        const entry = await entryOf(platform, path);
        const sha256 =
          entry.kind === "folder"
            ? (await folderFingerprint(platform, path, signal)).sha256
            : await hashOf(path, knownAt(path, entry), signal);
        updateText(hash, sha256);
      }
      return hash.hex();
    },
    async kept(path) {
      return { [storageFor(path).resolve(path)]: await knownOf(path) };
    },
    save,
  };
}

/** Replaces a file of hashes in one go. */
export const writeFingerprints = (
  { storageFor }: Pick<SemiPlatform, "storageFor">,
  store: string,
  kept: KeptFingerprints,
): Promise<void> => writeText(storageFor(store), store, JSON.stringify(kept));

/** Where a run keeps hashes. @param of The process, where several work in one folder: each has a file of its own. */
export const fingerprintsFile = (storage: Storage, out: string, of?: string): string =>
  storage.join(out, of === undefined ? ".fingerprints.json" : `.fingerprints-${of}.json`);

/** Where processes that worked in the folder of a run beside each other keep the hashes of what they read. */
export async function otherFingerprints(storage: Storage, out: string): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name } of storage.list(out))
    if (/^\.fingerprints-.*\.json$/.test(name)) names.push(name);
  return names.map((name) => storage.join(out, name));
}

function entryOf({ storageFor }: SemiPlatform, path: string): Promise<Entry> {
  return existing(storageFor(path), path);
}

/** Whether images are in a folder, and not in an archive or a table. @throws DataError when nothing is at the path */
export async function isFolder(platform: SemiPlatform, path: string): Promise<boolean> {
  return (await entryOf(platform, path)).kind === "folder";
}

async function bytesHash(
  { storageFor, sha256 }: SemiPlatform,
  path: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = sha256();
  for await (const bytes of storageFor(path).stream(path, { signal })) hash.update(bytes);
  return hash.hex();
}

async function folderFingerprint(
  platform: SemiPlatform,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<ImagesFingerprint> {
  const hash = platform.sha256();
  // What all names in the folder begin with, by whatever name that was given.
  const { length } = platform.storageFor(folder).join(folder, "_");
  let images = 0;
  for await (const { id, content } of await openImages(platform, [folder], {
    scan: false,
    readLabels: false,
    signal,
  })) {
    const { size, modified } = await entryOf(platform, "path" in content ? content.path : id);
    updateText(hash, JSON.stringify([id.slice(length - 1), size, modified]));
    images++;
  }
  return { sha256: await hash.hex(), images };
}

async function countImages(
  platform: SemiPlatform,
  path: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  const { size } = await openImages(platform, [path], { readLabels: false, signal });
  if (size !== undefined) return size;
  let images = 0;
  for await (const _ of await openImages(platform, [path], { scan: false, readLabels: false, signal }))
    images++;
  return images;
}

function parseKept(text: string): z.infer<typeof schema> {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return {};
  }
}

/**
 * SHA-256 of what a checkpoint computes: architecture, classes, preprocessing and weights. Trainings that end at the
 * same weights give the same hash, whatever their recipe was.
 */
async function modelHash(
  platform: SemiPlatform,
  path: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const model = await openModel(platform, path, { signal });
  const { config, classes, preprocessing } = model.description;
  const hash = platform.sha256();
  updateText(hash, JSON.stringify([hashedConfig(config), classes, preprocessing]));
  await model.withWeights((weights) => hashWeights(hash, weights));
  return hash.hex();
}

const encoder = new TextEncoder();

function updateText(hash: Sha256, text: string): void {
  hash.update(encoder.encode(text));
}

/** SHA-256 of a text. */
export function textHash({ sha256 }: Pick<SemiPlatform, "sha256">, text: string): Promise<string> {
  const hash = sha256();
  updateText(hash, text);
  return hash.hex();
}
