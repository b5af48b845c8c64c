import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { relative } from "node:path";
import * as z from "zod";
import { pathsOfInputs } from "../../data/index.ts";
import { existing, type Entry } from "../../storage/index.ts";
import { writeFileAtomic } from "../files/atomic-file.ts";
import { hashedConfig } from "../../nn/index.ts";
import { hashWeights } from "../../weights/index.ts";
import { nodeStorageFor } from "../files/file-storage.ts";
import { openImages, openModel } from "../library.ts";
import { nodeSha256 } from "../models/model-weights.ts";

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
  /** Writes what was found out to disk. */
  save(): Promise<void>;
}

const entry = z.object({
  size: z.number(),
  modified: z.number(),
  sha256: z.string().optional(),
  model: z.string().optional(),
  images: z.number().optional(),
});
const schema = z.record(z.string(), entry);
type Known = z.infer<typeof entry>;

/** Milliseconds. */
const saveInterval = 10_000;

/** @param store File that keeps the hashes; one that is missing or damaged counts as empty. */
export async function openFingerprints(store: string): Promise<Fingerprints> {
  const text = await readFile(store, "utf8").catch(() => "{}");
  const known = new Map(Object.entries(parseKept(text)));

  let saved = performance.now();
  const save = async (): Promise<void> => {
    await writeFileAtomic(store, [Buffer.from(JSON.stringify(Object.fromEntries(known)))]);
    saved = performance.now();
  };
  /** What is known of a file as it is now. */
  const knownOf = async (path: string): Promise<Known> => {
    const name = nodeStorageFor(path).resolve(path);
    const { size, modified } = await entryOf(path);
    const kept = known.get(name);
    if (kept?.size === size && kept.modified === modified) return kept;
    const fresh: Known = { size, modified };
    known.set(name, fresh);
    return fresh;
  };
  const file: Fingerprints["file"] = async (path, signal) => {
    const kept = await knownOf(path);
    if (kept.sha256 !== undefined) return kept.sha256;
    kept.sha256 = await bytesHash(path, signal);
    // Hashing many shards takes hours, of which little is to be lost.
    if (performance.now() - saved > saveInterval) await save();
    return kept.sha256;
  };
  const images: Fingerprints["images"] = async (path, signal) => {
    if ((await entryOf(path)).kind === "folder") return folderFingerprint(path, signal);
    const sha256 = await file(path, signal);
    const kept = await knownOf(path);
    return { sha256, images: (kept.images ??= await countImages(path, signal)) };
  };
  return {
    file,
    images,
    async model(path, signal) {
      const kept = await knownOf(path);
      return (kept.model ??= await modelHash(path, signal));
    },
    async data(inputs, signal) {
      const hash = createHash("sha256");
      for (const path of await pathsOfInputs(nodeStorageFor, inputs)) {
        const isFolder = (await entryOf(path)).kind === "folder";
        hash.update(isFolder ? (await folderFingerprint(path, signal)).sha256 : await file(path, signal));
      }
      return hash.digest("hex");
    },
    save,
  };
}

async function bytesHash(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of nodeStorageFor(path).stream(path, { signal })) hash.update(chunk);
  return hash.digest("hex");
}

const entryOf = (path: string): Promise<Entry> => existing(nodeStorageFor(path), path);

async function folderFingerprint(
  folder: string,
  signal: AbortSignal | undefined,
): Promise<ImagesFingerprint> {
  const hash = createHash("sha256");
  let images = 0;
  for await (const { id } of await openImages([folder], { scan: false, signal })) {
    const { size, modified } = await entryOf(id);
    hash.update(JSON.stringify([relative(folder, id), size, modified]));
    images++;
  }
  return { sha256: hash.digest("hex"), images };
}

async function countImages(path: string, signal: AbortSignal | undefined): Promise<number> {
  const { size } = await openImages([path], { signal });
  if (size !== undefined) return size;
  let images = 0;
  for await (const _ of await openImages([path], { scan: false, signal })) images++;
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
async function modelHash(path: string, signal?: AbortSignal): Promise<string> {
  const model = await openModel(path, { signal });
  const { config, classes, preprocessing } = model.description;
  const hash = nodeSha256();
  hash.update(Buffer.from(JSON.stringify([hashedConfig(config), classes, preprocessing])));
  await model.withWeights((weights) => hashWeights(hash, weights));
  return hash.hex();
}

/** SHA-256 of values as JSON. */
export const jsonHash = (values: unknown): string =>
  createHash("sha256").update(JSON.stringify(values)).digest("hex");
