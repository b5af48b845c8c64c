import { addCopies, distinctRanking, rankingsOf, type DistinctRanking } from "./copies.ts";
import { bandMasks, differingBits, halves, type Halves } from "./hash-distance.ts";
import { selectionRule, unknownClass, type SelectionOptions } from "./selection-options.ts";
import {
  scoreBins,
  shortfalls,
  shownDuplicates,
  uncountedClasses,
  type Bound,
  type ClassSelection,
  type DuplicatePair,
  type DuplicateSummary,
  type SelectionSummary,
} from "./selection.ts";
import type { ReferenceRow, ScoreRow, SelectionRow } from "../tables.ts";

/** The rows of a table, as they come. */
export type TableRows<Row> = Iterable<Row> | AsyncIterable<Row>;

/** The rows of a score file. */
export interface ScoreTable {
  /** What errors call it. */
  readonly name: string;
  readonly rows: TableRows<ScoreRow>;
}

/** What to select, and from what. */
export interface SelectInMemoryOptions extends SelectionOptions {
  /** Read one after the other; a row's shard is an index into them. */
  readonly scores: Iterable<ScoreTable>;
  /** Hashes that the unlabelled images are compared with. */
  readonly references?: TableRows<ReferenceRow> | undefined;
}

/** The rows of a selection, by shard, position and class, and what it took and left. */
export interface Selection {
  readonly rows: readonly SelectionRow[];
  readonly summary: SelectionSummary;
}

/**
 * Selects images for each class by sorting all rows, which are in memory at once: the same rows and the same summary as
 * the statements of `select-sql.ts` give, anywhere.
 *
 * @throws UsageError for options that cannot be; DataError `semi/scores` for a class that there is not; what reading
 *   the rows throws
 */
export async function selectInMemory(options: SelectInMemoryOptions): Promise<Selection> {
  const { classes, signal } = options;
  const { ranking, k, bound, duplicates: rule, copyDistance } = selectionRule(options);
  const names: string[] = [];
  const scored: ScoredRow[] = [];
  for (const { name, rows } of options.scores) {
    const shard = names.push(name) - 1;
    for await (const { image_id, position, class: index, score, rank, phash } of rows) {
      scored.push({ shard, position, image_id, class: index, score, rank, phash });
    }
    signal?.throwIfAborted();
  }
  const references = rule && (await collected(rule.references));
  signal?.throwIfAborted();
  const duplicates = rule && references && findDuplicates(scored, references, rule.distance);
  const removed = new Set(duplicates?.map(imageKey));
  const isKept = removed.size === 0 ? () => true : (row: ScoredRow) => !removed.has(imageKey(row));
  const candidates = scored.filter((row) => (ranking === "balanced" || row.rank === 1) && isKept(row));
  const odd = scored.find(({ class: index }) => classes[index] === undefined);
  if (odd !== undefined) throw unknownClass(names[odd.shard]!, classes, odd.class);
  const finite = candidates.filter(({ score }) => Number.isFinite(score));
  const rankings = copyDistance === null ? undefined : distinctRankings(bound, copyDistance);
  const rows = selectedRows(finite, bound, classes.length, rankings);
  const perClass = classSelections(classes, finite, rows);
  return {
    rows,
    summary: {
      ranking,
      k,
      rows: rows.length,
      images: rows.filter((row, index) => index === 0 || imageKey(row) !== imageKey(rows[index - 1]!)).length,
      notFinite: candidates.length - finite.length,
      classes: perClass,
      ...shortfalls({ ranking, k }, perClass),
      duplicates: duplicates && references && duplicateSummary(duplicates, references),
      copies: rankings ? addCopies([...rankings.all()].map((one) => one.tally())) : null,
    },
  };
}

type ScoredRow = ScoreRow & Pick<SelectionRow, "shard">;

/** A number for each image: positions are 32 bits. */
const imageKey = ({ shard, position }: Pick<SelectionRow, "shard" | "position">): number =>
  shard * 2 ** 32 + position;

async function collected<Row>(rows: TableRows<Row>): Promise<readonly Row[]> {
  const all: Row[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

/** Ranks rows with a finite score, and takes the best. */
function selectedRows(
  finite: readonly ScoredRow[],
  bound: Bound,
  classes: number,
  rankings: DistinctRankings | undefined,
): readonly SelectionRow[] {
  // Copies give their places to rows below those that would have had them.
  const reached =
    rankings && bound.ranking !== "threshold" ? undefined : lowestScores(finite, bound, classes);
  const ranked = finite.filter((row) => !reached || row.score >= reached[row.class]!).sort(byScore);
  const counting = rankings ? ranked.filter((row) => rankings.of(row).next(row) === "taken") : ranked;
  const best = bound.ranking === "unbalanced" ? counting.slice(0, bound.rows) : counting;
  const mostOfClass = bound.ranking === "balanced" ? bound.rows : Infinity;
  const lastRank = Array.from({ length: classes }, () => 0);
  const selected: SelectionRow[] = [];
  for (const { shard, position, image_id, class: index, score } of best) {
    const class_rank = ++lastRank[index]!;
    if (class_rank <= mostOfClass)
      selected.push({ shard, position, image_id, class: index, class_rank, score });
  }
  return selected.sort((a, b) => a.shard - b.shard || a.position - b.position || a.class - b.class);
}

/** The rankings that rows compete in. */
interface DistinctRankings {
  of(row: ScoredRow): DistinctRanking;
  all(): Iterable<DistinctRanking>;
}

function distinctRankings(bound: Bound, distance: number): DistinctRankings {
  const { places, keyOf } = rankingsOf(bound);
  const byKey = new Map<number, DistinctRanking>();
  return {
    of(row) {
      const known = byKey.get(keyOf(row)) ?? distinctRanking(places, distance);
      byKey.set(keyOf(row), known);
      return known;
    },
    all: () => byKey.values(),
  };
}

/** For each class the score that all rows to be selected reach, and else only their equals: numbers sort fast. */
function lowestScores(finite: readonly ScoredRow[], bound: Bound, classes: number): readonly number[] {
  if (bound.ranking === "threshold") return Array.from({ length: classes }, () => bound.score);
  const ofClass = Array.from({ length: classes }, (): number[] => []);
  for (const { class: index, score } of finite) ofClass[index]!.push(score);
  const lowestOf = (scores: readonly number[]): number =>
    Float64Array.from(scores).sort().at(-bound.rows) ?? -Infinity;
  if (bound.ranking === "balanced") return ofClass.map(lowestOf);
  const lowest = lowestOf(ofClass.flat());
  return ofClass.map(() => lowest);
}

// Unique, so that the order of rows decides nothing.
const byScore = (a: ScoredRow, b: ScoredRow): number =>
  b.score - a.score || compareTexts(a.image_id, b.image_id) || a.shard - b.shard || a.position - b.position;

/** The order of texts by their bytes in UTF-8, which is that of their code points. */
function compareTexts(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [left, right] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (left !== right) return orderOfUnit(left) - orderOfUnit(right);
  }
  return a.length - b.length;
}

// Surrogates, which stand for the code points above all others, are not the largest units of UTF-16.
const orderOfUnit = (unit: number): number => (unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit);

function classSelections(
  names: readonly string[],
  finite: readonly ScoredRow[],
  rows: readonly SelectionRow[],
): readonly ClassSelection[] {
  const classes = uncountedClasses(names);
  for (const { class: index, score, rank } of finite) {
    const counts = classes[index]!;
    counts.candidates++;
    if (rank === 1) counts.bestScores[Math.max(0, Math.min(scoreBins - 1, Math.floor(score * scoreBins)))]!++;
  }
  for (const { class: index, score } of rows) {
    const counts = classes[index]!;
    counts.selected++;
    counts.highest = Math.max(score, counts.highest ?? score);
    counts.lowest = Math.min(score, counts.lowest ?? score);
  }
  return classes;
}

/** An unlabelled image and the nearest reference of a set, the first by name among equals. */
type Duplicate = DuplicatePair & Pick<SelectionRow, "shard" | "position">;

function findDuplicates(
  scored: readonly ScoredRow[],
  references: readonly ReferenceRow[],
  distance: number,
): readonly Duplicate[] {
  const nearest = nearestReferences(references, distance);
  const known = new Map<bigint, ReturnType<typeof nearest>>();
  return scored
    .filter(({ rank }) => rank === 1)
    .flatMap(({ shard, position, image_id, phash }) => {
      const found = known.get(phash) ?? nearest(phash);
      known.set(phash, found);
      return found.map((reference) => ({ shard, position, image_id, ...reference }));
    });
}

type NearReference = Omit<DuplicatePair, "image_id">;

/** Prepares references to be asked which are near a hash: of each set the nearest. */
function nearestReferences(
  references: readonly ReferenceRow[],
  distance: number,
): (phash: bigint) => readonly NearReference[] {
  const byHash = new Map<bigint, HashedReferences>();
  for (const { phash, set, image_id } of references) {
    const same = byHash.get(phash) ?? { ...halves(phash), first: new Map() };
    const first = same.first.get(set);
    if (first === undefined || compareTexts(image_id, first) < 0) same.first.set(set, image_id);
    byHash.set(phash, same);
  }
  const bands = bandMasks(distance + 1).map((mask) => {
    const byBits = new Map<bigint, HashedReferences[]>();
    for (const [phash, same] of byHash) {
      const others = byBits.get(phash & mask);
      if (others === undefined) byBits.set(phash & mask, [same]);
      else others.push(same);
    }
    return { mask, byBits };
  });
  return (phash) => {
    const hash = halves(phash);
    const nearest = new Map<string, NearReference>();
    for (const { mask, byBits } of bands) {
      for (const reference of byBits.get(phash & mask) ?? []) {
        const bits = differingBits(hash, reference);
        if (bits > distance) continue;
        for (const [set, reference_id] of reference.first) {
          const best = nearest.get(set);
          const order = best && (bits - best.distance || compareTexts(reference_id, best.reference_id));
          if (order === undefined || order < 0) nearest.set(set, { reference_id, set, distance: bits });
        }
      }
    }
    return [...nearest.values()];
  };
}

/** The references with a hash: of each set the first name. */
interface HashedReferences extends Halves {
  readonly first: Map<ReferenceRow["set"], string>;
}

function duplicateSummary(
  duplicates: readonly Duplicate[],
  references: readonly ReferenceRow[],
): DuplicateSummary {
  const count = (wanted: ReferenceRow["set"]): number =>
    duplicates.filter(({ set }) => set === wanted).length;
  const labelled = new Set(references.filter(({ set }) => set === "labelled").map(({ phash }) => phash));
  return {
    images: new Set(duplicates.map(imageKey)).size,
    sets: { labelled: count("labelled"), validation: count("validation"), test: count("test") },
    labelledTests: references.filter(({ set, phash }) => set === "test" && labelled.has(phash)).length,
    examples: duplicates
      .toSorted(byDistance)
      .slice(0, shownDuplicates)
      .map(({ image_id, reference_id, set, distance }) => ({ image_id, reference_id, set, distance })),
  };
}

const byDistance = (a: Duplicate, b: Duplicate): number =>
  a.distance - b.distance ||
  compareTexts(a.image_id, b.image_id) ||
  compareTexts(a.set, b.set) ||
  a.shard - b.shard ||
  a.position - b.position;
