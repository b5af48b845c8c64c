import { SslResnextError, type Sha256 } from "../core/index.ts";
import type { StorageFor } from "../core/storage/index.ts";
import type { ImageContent } from "./image-source.ts";
import {
  copyKind,
  countClasses,
  imageSets,
  type ClassCount,
  type NamedSet,
  type SetImage,
} from "./image-sets.ts";
import { noneLabel } from "./sources/class-folders.ts";
import { contentReader } from "./sources/content-reader.ts";

/** What is wrong with images as a whole, in one line. */
export interface DataProblem {
  readonly kind:
    "unreadable" | "leak" | "two-labels" | "copy" | "single" | "imbalance" | "missing-class" | "no-label";
  /** Images, or classes, that it concerns. */
  readonly count: number;
  readonly text: string;
}

/** Images that are looked at: more of them take seconds. */
const mostImages = 20_000;

/** Bytes of files of the same length that are read, the shortest first. */
const mostBytes = 64e6;

/** Files that are under way at once. */
const atOnce = 64;

/**
 * What of a check of images takes no time: empty files, files that are there twice, classes of one image, uneven classes, images
 * without a label.
 *
 * Of files and archives on this machine, as only there nothing has to be fetched or unpacked; a set that makes them more than 20,000
 * images is left out. Files that cannot be read are left to those who need them.
 */
export async function quickProblems(
  platform: QuickCheckPlatform,
  sets: readonly NamedSet[],
  { signal, balance }: QuickCheckOptions = {},
): Promise<readonly DataProblem[]> {
  const files: LocatedImage[] = [];
  for (const named of sets) {
    const { size } = named.images;
    if (size === undefined || files.length + size > mostImages) continue;
    files.push(...((await unlessUnreadable(filesOf(platform, named))) ?? []));
  }
  await eachAtOnce(files, async (file) => {
    file.length = file.content.length ?? (await lengthOf(platform, file.content.path));
    signal?.throwIfAborted();
  });
  return [
    ...emptyFiles(files),
    ...(await sameFiles(platform, files, signal)),
    ...classProblems(countClasses(files), balance),
    ...labelProblems(files),
  ];
}

interface QuickCheckOptions {
  readonly signal?: AbortSignal | undefined;
  /** As `classProblems` takes it. */
  readonly balance?: string | undefined;
}

interface QuickCheckPlatform {
  readonly storageFor: StorageFor;
  readonly sha256: () => Sha256;
}

type FileContent = Extract<ImageContent, { readonly path: string }>;

/** An image in a file of this machine. */
interface LocatedImage extends SetImage {
  readonly content: FileContent;
  /** In bytes; undefined where that is not known. */
  length?: number | undefined;
}

/** The images of a set; none where one of them is no file of this machine. */
async function filesOf(
  { storageFor }: QuickCheckPlatform,
  { set, images }: NamedSet,
): Promise<readonly LocatedImage[]> {
  const files: LocatedImage[] = [];
  for await (const { id, label, content } of images) {
    if (!("path" in content) || storageFor(content.path).path(content.path) === undefined) return [];
    files.push({ set, image: id, label: set === "unlabelled" ? undefined : label, content });
  }
  return files;
}

const lengthOf = async ({ storageFor }: QuickCheckPlatform, path: string): Promise<number | undefined> =>
  (await unlessUnreadable(storageFor(path).stat(path)))?.size;

function emptyFiles(files: readonly LocatedImage[]): readonly DataProblem[] {
  const empty = files.filter(({ length }) => length === 0);
  if (empty.length === 0) return [];
  const text = `${plural(empty.length, "file is", "files are")} empty: ${empty[0]!.image}.`;
  return [{ kind: "unreadable", count: empty.length, text }];
}

/** Files with the same bytes: of those with the same length as another, the shortest are read. */
async function sameFiles(
  platform: QuickCheckPlatform,
  files: readonly LocatedImage[],
  signal: AbortSignal | undefined,
): Promise<readonly DataProblem[]> {
  const ofLength = new Map<number, number>();
  for (const { length = 0 } of files) ofLength.set(length, (ofLength.get(length) ?? 0) + 1);
  const candidates = files.filter(({ length = 0 }) => length > 0 && ofLength.get(length)! > 1);
  let bytes = 0;
  const read = candidates
    .toSorted((a, b) => a.length! - b.length!)
    .filter(({ length }) => (bytes += length!) <= mostBytes);
  const hashes = new Map<LocatedImage, string>();
  await using reader = contentReader(platform.storageFor);
  await eachAtOnce(read, async (file) => {
    const content = await unlessUnreadable(reader.read(file, signal));
    if (!content) return;
    const hash = platform.sha256();
    hash.update(content);
    hashes.set(file, await hash.hex());
  });
  const kept = new Map<string, LocatedImage>();
  const pairs: (readonly [copy: LocatedImage, kept: LocatedImage])[] = [];
  for (const file of files.toSorted((a, b) => imageSets.indexOf(a.set) - imageSets.indexOf(b.set))) {
    const hash = hashes.get(file);
    const first = hash === undefined ? undefined : kept.get(hash);
    if (hash !== undefined && !first) kept.set(hash, file);
    if (first && !isNowLabelled(file, first)) pairs.push([file, first]);
  }
  return (["leak", "two-labels", "copy"] as const).flatMap((kind) => {
    const own = pairs.filter(([copy, first]) => copyKind(copy, first) === kind);
    const isAll = read.length === candidates.length;
    return own.length > 0 ? [{ kind, count: own.length, text: sameFilesText(kind, own, isAll) }] : [];
  });
}

/** Whether it is one of the unlabelled images that has got a label, as those that `suggest` names: no harm comes of it. */
const isNowLabelled = (copy: SetImage, kept: SetImage): boolean =>
  copy.set === "unlabelled" && kept.set === "labelled";

function sameFilesText(
  kind: "leak" | "two-labels" | "copy",
  pairs: readonly (readonly [copy: SetImage, kept: SetImage])[],
  isAll: boolean,
): string {
  const [copy, kept] = pairs[0]!;
  const count = isAll ? plural(pairs.length, "file", "files") : `${pairs.length} or more files`;
  const isOne = isAll && pairs.length === 1;
  const sets = [...new Set(pairs.map(([, { set }]) => set))].join(" or ");
  const what = {
    leak: `${isOne ? "is" : "are"} among the ${sets} images too, and the accuracy there comes out too high`,
    "two-labels": `${isOne ? "stands" : "stand"} in two classes`,
    copy: `${isOne ? "is a copy" : "are copies"} of others`,
  };
  return `${count} ${what[kind]}: ${copy.image} and ${kept.image}.`;
}

/** How many times the images of another class the largest may have before it is told. */
const uneven = 5;

/**
 * What the numbers of images of the classes show.
 *
 * @param classes The largest first
 * @param balance How a training sees uneven classes equally often; nothing where none can
 */
export function classProblems(
  classes: readonly ClassCount[],
  balance = "train with --sampler class-balanced",
): readonly DataProblem[] {
  const present = classes.filter(({ labelled }) => labelled > 0);
  const single = present.filter(({ labelled }) => labelled === 1).map(({ name }) => name);
  // What shows none of the classes is no class to have as many images of.
  const shown = present.filter(({ name }) => name !== noneLabel);
  const [largest, smallest] = [shown[0], shown.at(-1)];
  const problems: DataProblem[] = [];
  if (single.length > 0) {
    const text = `${plural(single.length, "class has", "classes have")} a single labelled image: ${some(single)}. Nothing can judge how well ${single.length === 1 ? "it is" : "they are"} recognised; add images.`;
    problems.push({ kind: "single", count: single.length, text });
  }
  if (largest && smallest && largest.labelled >= uneven * smallest.labelled) {
    const text = `The classes are uneven: ${largest.name} has ${largest.labelled} labelled images, ${smallest.name} ${smallest.labelled}. Add images of the small ones${balance === "" ? "" : `, or ${balance}`}.`;
    problems.push({
      kind: "imbalance",
      count: shown.filter(({ labelled }) => largest.labelled >= uneven * labelled).length,
      text,
    });
  }
  for (const set of ["validation", "test"] as const) {
    if (classes.every((one) => one[set] === 0) || present.length === 0) continue;
    const missing = classes.filter((one) => one[set] === 0 || one.labelled === 0).map(({ name }) => name);
    if (missing.length === 0) continue;
    const text = `${plural(missing.length, "class is", "classes are")} not in both the labelled and the ${set} images: ${some(missing)}.`;
    problems.push({ kind: "missing-class", count: missing.length, text });
  }
  return problems;
}

/** Labelled images without a label, such as those that nobody has sorted yet. */
export function labelProblems(images: readonly SetImage[]): readonly DataProblem[] {
  const unlabelled = images.filter(({ set, label }) => label === undefined && set !== "unlabelled");
  const [first] = unlabelled;
  if (!first) return [];
  const text = `${plural(unlabelled.length, "image has", "images have")} no label, the first is ${first.image}: a training leaves ${unlabelled.length === 1 ? "it" : "them"} out. Sort each into a folder that is named after its class.`;
  return [{ kind: "no-label", count: unlabelled.length, text }];
}

/** What a page says of them, if there are any. */
export const problemsFact = (
  problems: readonly DataProblem[] = [],
): readonly { readonly name: string; readonly value: string }[] =>
  problems.length === 0
    ? []
    : [{ name: "problems of the images", value: problems.map(({ text }) => text).join(" ") }];

async function eachAtOnce<Item>(items: readonly Item[], act: (item: Item) => Promise<void>): Promise<void> {
  for (let from = 0; from < items.length; from += atOnce) {
    await Promise.all(items.slice(from, from + atOnce).map(act));
  }
}

/** What comes of it; undefined where a file cannot be read. */
const unlessUnreadable = async <Result>(result: Promise<Result>): Promise<Result | undefined> =>
  result.catch((error: unknown) => {
    if (error instanceof SslResnextError) return undefined;
    throw error;
  });

const plural = (number: number, one: string, many: string): string =>
  `${number.toLocaleString("en-US")} ${number === 1 ? one : many}`;

const some = (names: readonly string[]): string =>
  names.slice(0, 5).join(", ") + (names.length > 5 ? ", …" : "");
