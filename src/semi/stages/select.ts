import { DataError } from "../../core/index.ts";
import { readText, writeText, type Storage } from "../../core/storage/index.ts";
import type { OpenStage, SemiContext, StageOutcome } from "../context.ts";
import type { SemiEvent } from "../events.ts";
import { textHash } from "../fingerprints.ts";
import { readTableMetadata } from "../parquet-table.ts";
import type { SelectStage } from "../plan/stage.ts";
import { checkScores, readScores, referencesName } from "../score/score-files.ts";
import { selectImages } from "../select/select-images.ts";
import { comparedPairs } from "../select/selection-options.ts";
import { defaultK, shortfalls, type SelectionSummary } from "../select/selection.ts";
import { referenceColumns } from "../tables.ts";

/** The table of the selected images. */
export const selectionName = "selection.parquet";

/** File beside the table that says what was taken and what was left. */
const summaryName = "summary.json";

/** What the selection in a folder took and left. @throws DataError when it cannot be read. */
export async function readSummary(storage: Storage, folder: string): Promise<SelectionSummary> {
  const summary = JSON.parse(await readText(storage, storage.join(folder, summaryName))) as SelectionSummary;
  // Earlier versions did not name the classes that got nothing, and let all copies count.
  return { ...summary, ...shortfalls(summary, summary.classes), copies: summary.copies ?? null };
}

/** Selects the best scored images of each class. */
export const openSelect: OpenStage<SelectStage> = async (context, { folder, needs, settings }) => {
  const [scores] = needs;
  const { inputs, settings: scoring, counts } = await context.manifest(scores);
  // The scores follow from these, and are too many to be read for a hash.
  const hash = await textHash(context.platform, JSON.stringify([inputs, scoring, counts]));
  return {
    origin: { settings: { ...settings }, inputs: { [scores]: hash } },
    run: () => select(context, folder, scores),
  };
};

/** Bytes that selecting may add to the process in any case, and its share of what is free: tens of millions of rows need more. */
const leastMemory = 1e9;
const memoryShare = 1 / 4;

async function* select(
  context: SemiContext,
  folder: string,
  scores: string,
): AsyncGenerator<SemiEvent, StageOutcome | undefined, undefined> {
  const { platform, storage, path, settings, signal, execution } = context;
  const files = await readScores(storage, path(scores));
  checkScores(files, await context.manifest(scores));
  const { classes } = files[0]!.facts;
  const images = files.reduce((sum, { facts }) => sum + facts.images, 0);
  const references = path(scores, referencesName);
  const costly = await costlyComparison(storage, references, { images, classes: classes.length, settings });
  if (costly !== undefined) yield { type: "warning", stage: folder, message: costly };
  const summary = await selectImages(platform, {
    scores: files.map((file) => file.path),
    classes,
    images,
    references,
    k: settings.k ?? defaultK(images, classes.length, settings.method === "joint"),
    ranking: settings.ranking,
    threshold: settings.threshold,
    duplicateDistance: settings.duplicateDistance,
    keepDuplicates: settings.keepDuplicates,
    out: path(folder, selectionName),
    temporaryFolder: path(folder),
    threads: execution.threads,
    memoryLimit: Math.max(leastMemory, platform.machine().freeMemory * memoryShare),
    signal,
  });
  if (summary.rows === 0) throw nothingSelected(summary);
  for (const message of warningsOf(summary)) yield { type: "warning", stage: folder, message };
  await writeText(storage, path(folder, summaryName), `${JSON.stringify(summary)}\n`);
  return {
    outputs: [selectionName],
    counts: {
      ...(summary.k === null ? {} : { k: summary.k }),
      rows: summary.rows,
      images: summary.images,
      classes: summary.classes.filter(({ selected }) => selected > 0).length,
      ...(summary.duplicates ? { duplicates: summary.duplicates.images } : {}),
      ...(summary.copies ? { copies: summary.copies.rows } : {}),
    },
  };
}

interface Comparison {
  readonly images: number;
  readonly classes: number;
  readonly settings: Pick<SemiContext["settings"], "k" | "duplicateDistance" | "keepDuplicates">;
}

/** What a person wants to know before hashes are compared for hours: the pairs that share a band of their bits. */
async function costlyComparison(
  storage: Storage,
  references: string,
  { images, classes: count, settings }: Comparison,
): Promise<string | undefined> {
  const { duplicateDistance: distance, k, keepDuplicates } = settings;
  if (distance === null) return undefined;
  const { num_rows: rows } = await readTableMetadata(storage, references, referenceColumns);
  const places = k ?? defaultK(images, count);
  const withReferences = comparedPairs(images, Number(rows), distance);
  const withEachOther = keepDuplicates ? 0 : (count * comparedPairs(places, places, distance)) / 2;
  const hours = (withReferences + withEachOther) / pairsPerSecond / 3600;
  if (hours < 1) return undefined;
  return `${images} images are compared with ${rows} labelled and test images${keepDuplicates ? "" : " and those of a class with each other"}, which takes about ${Math.round(hours)} hours of CPU with duplicateDistance ${distance}. 3 takes a small part of that, null leaves it out.`;
}

/** Of a core; measured in docs/scale.md. */
const pairsPerSecond = 2e7;

function nothingSelected({ ranking, classes, duplicates }: SelectionSummary): DataError {
  const candidates = classes.reduce((sum, one) => sum + one.candidates, 0);
  const removed = duplicates?.images
    ? `; ${duplicates.images} images were left out as they look like a labelled or test image (duplicateDistance)`
    : "";
  return new DataError(
    "semi/nothing-selected",
    `No image was selected of ${candidates} candidates${removed}. ${ranking === "threshold" ? "Lower the threshold." : "Check that there are unlabelled images that can be read, other than the labelled ones."}`,
  );
}

function warningsOf({ short, empty, k, notFinite, duplicates, copies }: SelectionSummary): readonly string[] {
  const few = short.filter((name) => !empty.includes(name));
  return [
    ...(empty.length > 0
      ? [
          `${classes(empty)} got no image, and nothing is learnt of ${empty.length === 1 ? "it" : "them"} from the unlabelled ones: ${firstOf(empty, 20)}.`,
        ]
      : []),
    ...(few.length > 0
      ? [
          `${classes(few)} ${few.length === 1 ? "has" : "have"} fewer than K (${k}) images: ${firstOf(few, 5)}. A smaller K keeps the classes balanced.`,
        ]
      : []),
    ...(copies && copies.rows > 0
      ? [
          `${copies.rows} ${copies.rows === 1 ? "image looks" : "images look"} like a better one of the same class and did not count, up to ${copies.largest} for one picture (keepDuplicates: true lets all count).`,
        ]
      : []),
    ...(duplicates && duplicates.labelledTests > 0
      ? [
          `${duplicates.labelledTests} test images look just like a labelled one, which makes figures too good. Test on other images.`,
        ]
      : []),
    ...(notFinite > 0 ? [`${notFinite} scores are no finite numbers, and are left out.`] : []),
  ];
}

const classes = ({ length }: readonly string[]): string => (length === 1 ? "1 class" : `${length} classes`);

const firstOf = (names: readonly string[], most: number): string =>
  names.slice(0, most).join(", ") + (names.length > most ? `, … (all in ${summaryName})` : "");
