import type { ModelSource } from "../predict/index.ts";
import type {
  JudgedImages,
  JudgeImagesOptions,
  ReferenceRow,
  RunSemiOptions,
  ScoreFacts,
  ScoreWriter,
  SelectImagesOptions,
  SelectionRow,
  SelectionSummary,
  SemiEvent,
  SemiPlatform,
  SuggestImagesOptions,
  Suggestions,
  TableWriter,
} from "../semi/index.ts";
import type { HeadEvent } from "../train/index.ts";
import { nodeStorageFor } from "./files/file-storage.ts";
import { nodeTrainingPlatform } from "./training.ts";

/** What the semi-supervised pipeline needs of the world, in Node. */
export const nodeSemiPlatform: SemiPlatform = {
  ...nodeTrainingPlatform,
  selectImages: async (...given) => (await import("./duckdb/select-images.ts")).selectWithDuckdb(...given),
  pruneScores: async (...given) => (await import("./duckdb/prune-scores.ts")).pruneWithDuckdb(...given),
};

// A program that only classifies loads nothing of this.
const semi = (): Promise<typeof import("../semi/index.ts")> => import("../semi/index.ts");

/**
 * Makes the best model that labelled and unlabelled images allow: adapts a network to all of them and fits the labels on it,
 * or trains a student on what a teacher selects, as the method says. The event `planned` says what was chosen and why, and
 * `best`, the last one, where the model stands.
 *
 * Every stage reads and writes files, with a manifest of what they were made from. A stage whose settings and inputs
 * are those of its manifest is skipped, one that was stopped or killed goes on, and one that has changed is done again.
 * In the end, and whenever the models of one run are measured, `report.html` shows what stands.
 *
 * What cannot go well is refused before anything is computed; the event `planned` says which stages take smaller
 * batches than their recipes say, as they have fewer images.
 *
 * @throws UsageError `semi/settings`, `semi/no-effect`, `semi/k`, `semi/p`, `semi/missing-stage`; DataError
 *   `data/disk-full`; what the stages throw. What stands is kept.
 * @example
 * const settings = { labelled: ["photos"], unlabelled: ["more/*.tar"], teacher: "ssl_resnext50_32x4d" };
 * for await (const event of runSemi({ settings, out: "run" })) console.log(event.type);
 */
export async function* runSemi(options: RunSemiOptions): AsyncGenerator<SemiEvent, void, undefined> {
  yield* (await semi()).runSemi(nodeSemiPlatform, options);
}

/**
 * Finds the unlabelled images whose labels help a classifier most: they show one of the classes, the classifier cannot tell which,
 * and they do not look alike.
 *
 * @param source The network, as `openModel` gives it; its classifier is not looked at.
 * @returns What to label next, the least certain first.
 * @throws UsageError `semi/settings`; DataError `data/no-images`, `data/empty-classes`; what opening and running the model throws.
 * @example
 * const [labelled, unlabelled] = await Promise.all([openImages(["photos"]), openImages(["others"])]);
 * const finding = suggestImages(await openModel("run/best.safetensors"), { labelled, unlabelled });
 * let next = await finding.next();
 * while (!next.done) next = await finding.next();
 * for (const { image, classes } of next.value.suggestions) console.log(image.id, classes[0]?.name);
 */
export async function* suggestImages(
  source: ModelSource,
  options: SuggestImagesOptions,
): AsyncGenerator<HeadEvent, Suggestions, undefined> {
  return yield* (await semi()).suggestImages(nodeSemiPlatform, source, options);
}

/**
 * What a classifier with a class for none of the others makes of unlabelled images.
 *
 * @throws What {@link suggestImages} throws.
 */
export async function* judgeImages(
  source: ModelSource,
  options: JudgeImagesOptions,
): AsyncGenerator<HeadEvent, JudgedImages, undefined> {
  return yield* (await semi()).judgeImages(nodeSemiPlatform, source, options);
}

/**
 * What a score file says of itself.
 *
 * @throws DataError `semi/table` when it is no Parquet table with the columns of a score file, or `semi/scores` when
 *   it does not say what it is; for what cannot be opened
 */
export async function readScoreFacts(path: string): Promise<ScoreFacts> {
  return (await semi()).readScoreFacts(nodeStorageFor(path), path);
}

/**
 * Begins a score file.
 *
 * @throws DataError when the folder does not exist, may not be written to, or the disk is full
 */
export async function openScoreWriter(path: string): Promise<ScoreWriter> {
  return (await semi()).openScoreWriter(nodeStorageFor(path), path);
}

/**
 * Begins a table of the hashes of labelled, validation and test images.
 *
 * @throws DataError when the folder does not exist, may not be written to, or the disk is full
 */
export async function openReferenceWriter(path: string): Promise<TableWriter<ReferenceRow>> {
  return (await semi()).openReferenceWriter(nodeStorageFor(path), path);
}

/**
 * Selects images of score files for each class and writes them as a table of `SelectionRow`, complete or not at all:
 * few rows by sorting them here, others in DuckDB, which gives the same rows. Memory is bounded for any number.
 *
 * @throws UsageError for options that cannot be; DataError for score files that cannot be read, are damaged, or are of
 *   several teachers or other classes, and for a folder that cannot be written to or a full disk; SessionError when
 *   DuckDB cannot be loaded or needs more memory
 */
export async function selectImages(options: SelectImagesOptions): Promise<SelectionSummary> {
  return (await semi()).selectImages(nodeSemiPlatform, options);
}

/**
 * The rows of a selection by shard, position and class, with bounded memory.
 *
 * @throws DataError when it is no selection, or is damaged
 */
export async function* readSelection(path: string, signal?: AbortSignal): AsyncGenerator<SelectionRow> {
  yield* (await semi()).readSelection(nodeStorageFor(path), path, signal);
}

/**
 * The rows at given ranks of their class, by class and rank. A class that ends before a rank has no row there.
 *
 * @param ranks from 1
 * @throws DataError when it is no selection, or is damaged
 */
export async function rowsAtRanks(
  path: string,
  ranks: readonly number[],
  signal?: AbortSignal,
): Promise<readonly SelectionRow[]> {
  return (await semi()).rowsAtRanks(nodeStorageFor(path), path, ranks, signal);
}
