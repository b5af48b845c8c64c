import { DataError, UsageError } from "../core/index.ts";
import { baseName, readText, type Storage } from "../core/storage/index.ts";
import {
  contentReader,
  isImagePath,
  type CheckedData,
  type ImageItem,
  type ImageSet,
  type NamedSet,
} from "../data/index.ts";
import { imageFormat } from "../image/index.ts";
import type { TrainingPlatform } from "../train/platform.ts";
import { fixKey, readFixes, type Fix } from "./fixes.ts";
import { openSets } from "./open-sets.ts";

export interface ApplyFixesOptions extends CheckedData {
  /** Path of the list of fixes. */
  readonly fixes: string;
  /** Folder of the cleaned copy, which must not exist. */
  readonly to: string;
}

/** What a cleaned copy holds. */
export interface CleanedCopy {
  readonly folder: string;
  readonly written: number;
  readonly removed: number;
  readonly relabelled: number;
  readonly moved: number;
  /** Labelled images without a label, which have no class folder. */
  readonly withoutLabel: number;
}

/** Folders of a copy with several sets, by which a training knows what each is for. */
const folderOf: Readonly<Record<ImageSet, string>> = {
  labelled: "train",
  validation: "val",
  test: "test",
  unlabelled: "unlabelled",
};

/**
 * Makes a copy of images as folders of classes, with a list of fixes followed: the originals stay as they are. Labelled images alone
 * lie in `FOLDER/CLASS`; with other sets in `FOLDER/train/CLASS`, `val`, `test` and `unlabelled`.
 *
 * The folder appears complete or not at all. Files keep their names and their bytes; of two that would have the same, the second gets
 * a number.
 *
 * @throws UsageError `check/target-exists`; DataError `check/fixes` for a row that cannot be followed or an image that is not there,
 *   `check/class-name` for a class that no folder can be named after; for images that cannot be read and a full disk
 */
export async function applyFixes(
  platform: TrainingPlatform,
  { fixes: path, to, ...data }: ApplyFixesOptions,
): Promise<CleanedCopy> {
  const storage = platform.storageFor(to);
  const target = storage.resolve(to);
  if (await storage.stat(target)) {
    throw new UsageError("check/target-exists", `${to} exists already: name a folder that does not.`);
  }
  const fixes = await readFixes(await readText(platform.storageFor(path), path), path);
  const { sets } = await openSets(platform, data, undefined);
  await checkImages(sets, fixes, path);
  const hasParts = sets.length > 1 || [...fixes.values()].some(({ action }) => action === "move");
  const unfinished = `${target}.${crypto.randomUUID().slice(0, 8)}.part`;
  try {
    await storage.makeFolder(unfinished);
    const counts = await copyImages(platform, sets, {
      storage,
      unfinished,
      fixes,
      hasParts,
      signal: data.signal,
    });
    await storage.move(unfinished, target);
    return { folder: to, ...counts };
  } catch (error) {
    await storage.remove(unfinished);
    throw error;
  }
}

/** @throws DataError `check/fixes` for a row whose image is not there */
async function checkImages(
  sets: readonly NamedSet[],
  fixes: ReadonlyMap<string, Fix>,
  path: string,
): Promise<void> {
  const missing = new Map(fixes);
  for (const { set, images } of sets) {
    for await (const { id } of images) missing.delete(fixKey({ set, image: id }));
  }
  const [first] = missing.values();
  if (!first) return;
  throw new DataError(
    "check/fixes",
    `${path}, line ${first.line}: ${first.image} is none of the ${first.set} images. Give the data of the check, by the same names.`,
  );
}

interface CopyTarget {
  readonly storage: Storage;
  readonly unfinished: string;
  readonly fixes: ReadonlyMap<string, Fix>;
  readonly hasParts: boolean;
  readonly signal: AbortSignal | undefined;
}

async function copyImages(
  platform: TrainingPlatform,
  sets: readonly NamedSet[],
  { storage, unfinished, fixes, hasParts, signal }: CopyTarget,
): Promise<Omit<CleanedCopy, "folder">> {
  await using reader = contentReader(platform.storageFor);
  const counts = { written: 0, removed: 0, relabelled: 0, moved: 0, withoutLabel: 0 };
  const made = new Set<string>();
  const taken = new Set<string>();
  for (const { set, images } of sets) {
    for await (const item of images) {
      signal?.throwIfAborted();
      const fix = fixes.get(fixKey({ set, image: item.id }));
      if (fix?.action === "remove") {
        counts.removed++;
        continue;
      }
      const place = placeOf(item, set, fix);
      if (!place) {
        counts.withoutLabel++;
        continue;
      }
      if (fix?.action === "relabel") counts.relabelled++;
      if (fix?.action === "move") counts.moved++;
      const names = [
        ...(hasParts ? [folderOf[place.set]] : []),
        ...(place.label === undefined ? [] : [place.label]),
      ];
      const folder = storage.join(unfinished, ...names);
      if (!made.has(folder)) await storage.makeFolder(folder);
      made.add(folder);
      const bytes = await reader.read(item, signal);
      // The folder appears as a whole in the end: its files need no names of their own until then.
      await using file = await storage.grow(
        storage.join(folder, freeName(fileName(item, bytes), folder, taken)),
      );
      await file.append(bytes);
      counts.written++;
    }
  }
  return counts;
}

/** Where an image goes; undefined for one without a class that should have one. */
function placeOf(
  { id, label }: ImageItem,
  set: ImageSet,
  fix: Fix | undefined,
): { readonly set: ImageSet; readonly label: string | undefined } | undefined {
  if (set === "unlabelled" || fix?.action === "move") return { set: "unlabelled", label: undefined };
  const own = fix?.action === "relabel" ? fix.to : label;
  if (own === undefined) return undefined;
  if (/[/\\\0]/.test(own) || /^\.+$/.test(own)) {
    throw new DataError(
      "check/class-name",
      `${id}: no folder can be named after its class ${JSON.stringify(own)}. Rename the class in the data.`,
    );
  }
  return { set, label: own };
}

/** The name of the file, with an ending by which it is known as an image. */
function fileName({ id }: ImageItem, bytes: Uint8Array): string {
  const name = baseName(id) || "image";
  if (isImagePath(name)) return name;
  const format = imageFormat(bytes);
  return format === undefined ? name : `${name}.${format === "jpeg" ? "jpg" : format}`;
}

/** The name, or the first with a number that is free in the folder, whether or not case counts there. */
function freeName(name: string, folder: string, taken: Set<string>): string {
  const [stem, ending] = [name.replace(/\.[^.]*$/, ""), /\.[^.]*$/.exec(name)?.[0] ?? ""];
  let free = name;
  const key = (): string => `${folder}/${free.toLowerCase()}`;
  for (let number = 2; taken.has(key()); number++) free = `${stem}-${number}${ending}`;
  taken.add(key());
  return free;
}
