import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { stringify } from "csv-stringify/sync";
import { UsageError } from "../../core/index.ts";
import { isUrl } from "../../core/storage/index.ts";
import { contentReader, isImagePath, noneLabel, type ImageItem } from "../../data/index.ts";
import { imageFormat } from "../../image/index.ts";
import { nodePlatform } from "../../node/platform.ts";
import type { Suggestion, Suggestions } from "../../semi/suggest/suggest-images.ts";

/** What stands in a folder of suggestions beside the images. */
export const pageName = "index.html";
export const tableName = "suggestions.csv";

/** A suggestion, and the name of its image in the folder. */
export interface PlacedSuggestion extends Suggestion {
  readonly file: string;
}

interface FolderContent {
  readonly classes: Suggestions["classes"];
  /** Gives the page, once the names of the images are known. */
  readonly page: (suggestions: readonly PlacedSuggestion[]) => Promise<string>;
  readonly signal: AbortSignal;
}

/**
 * Writes suggested images as a folder: a link to each that is a file, a copy of others; an empty folder for each class, and `none`;
 * a table with an empty column `label`; a page. It appears complete or not at all.
 *
 * @throws UsageError `usage/output-exists` where something other than an empty folder stands there; DataError for an image that
 *   cannot be read any more
 */
export async function writeSuggestions(
  out: string,
  suggestions: readonly Suggestion[],
  { classes, page, signal }: FolderContent,
): Promise<readonly PlacedSuggestion[]> {
  await refuseContent(out);
  const target = resolve(out);
  const unfinished = `${target}.${crypto.randomUUID().slice(0, 8)}.partial`;
  await using reader = contentReader(nodePlatform.storageFor);
  try {
    await mkdir(unfinished, { recursive: true });
    for (const name of foldersFor(classes)) await mkdir(join(unfinished, name));
    const placed: PlacedSuggestion[] = [];
    for (const [index, suggestion] of suggestions.entries()) {
      signal.throwIfAborted();
      const { image } = suggestion;
      const source = fileOf(image);
      const bytes = source === undefined ? await reader.read(image, signal) : undefined;
      const file = nameOf(image, index, suggestions.length, bytes);
      const path = join(unfinished, file);
      if (source === undefined) await writeFile(path, bytes!);
      else await symlink(source, path).catch(() => copyFile(source, path));
      placed.push({ ...suggestion, file });
    }
    await writeFile(join(unfinished, tableName), tableOf(placed));
    await writeFile(join(unfinished, pageName), await page(placed));
    await rm(target, { recursive: true, force: true });
    await rename(unfinished, target);
    return placed;
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
}

/** What a person may have sorted there is not lost. @throws UsageError `usage/output-exists` */
export async function refuseContent(out: string): Promise<void> {
  const names = await readdir(out).catch((error: NodeJS.ErrnoException) =>
    error.code === "ENOENT" ? [] : [error.code],
  );
  if (names.length === 0) return;
  throw new UsageError(
    "usage/output-exists",
    `--out ${out} exists already: name a folder that does not, such as ${unusedName(out)}.`,
  );
}

/** A path at which nothing stands: the given one, or the first of it with -2, -3, … at its end. */
export function unusedName(path: string): string {
  const [, stem, number = "1"] = /^(.*?)(?:-(\d+))?[/\\]*$/s.exec(path)!;
  let name = path;
  for (let next = Number(number) + 1; existsSync(name); next++) name = `${stem!}-${next}`;
  return name;
}

/** Classes that a folder can be named after: all but such as `a/b`, which the table alone can give. */
export const foldersFor = (classes: Suggestions["classes"]): readonly string[] =>
  [...classes, noneLabel].filter((name) => !/[<>:"/\\|?*\p{Cc}]|^\.|[. ]$/u.test(name));

/** The path of an image that is a file of its own. */
function fileOf({ content }: ImageItem): string | undefined {
  if (!("path" in content) || content.offset !== undefined || isUrl(content.path)) return undefined;
  return resolve(content.path);
}

/** Least certain first, as they are to be looked at: `07-dog.jpg`. */
function nameOf(
  { id }: ImageItem,
  index: number,
  count: number,
  bytes: Uint8Array<ArrayBuffer> | undefined,
): string {
  const number = String(index + 1).padStart(String(count).length, "0");
  const own = basename(id.replaceAll("\\", "/")).replaceAll(/[<>:"|?*\p{Cc}]/gu, "_");
  const named = isImagePath(own) || bytes === undefined ? own : `${own}.${imageFormat(bytes) ?? "jpg"}`;
  return `${number}-${named.slice(-150)}`;
}

function tableOf(suggestions: readonly PlacedSuggestion[]): string {
  const share = (value: number | undefined): string => value?.toFixed(4) ?? "";
  return stringify(
    suggestions.map(({ file, image, classes: [first, second], belongs, group }) => ({
      image: file,
      label: "",
      suggested: first?.name,
      probability: share(first?.probability),
      second: second?.name,
      "second probability": share(second?.probability),
      belongs: share(belongs),
      group,
      path: image.id,
    })),
    { header: true },
  );
}
