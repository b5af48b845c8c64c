import type { Ranking, SelectionSummary } from "../../src/semi/select/selection.ts";
import type { ReferenceRow, ScoreRow, SelectionRow } from "../../src/semi/tables.ts";

/** What to select from what, complete. */
export interface NaiveRule {
  readonly ranking: Ranking;
  readonly k: number;
  readonly classes: readonly string[];
  readonly threshold: number;
  readonly references: readonly ReferenceRow[];
  readonly distance: number | null;
  readonly keepDuplicates: boolean;
}

type Placed = ScoreRow & { readonly shard: number };
type Shards = readonly (readonly ScoreRow[])[];

const placed = (shards: Shards): readonly Placed[] =>
  shards.flatMap((shard, index) => shard.map((row) => ({ ...row, shard: index })));

/** The rows that may be ranked, by the definition: every unlabelled image against every reference. */
function naiveCandidates(shards: Shards, rule: NaiveRule): readonly Placed[] {
  return placed(shards)
    .filter(({ rank }) => rule.ranking === "balanced" || rank === 1)
    .filter(({ phash }) => !isDuplicate(phash, rule));
}

/** The selection, by the definition: sorting everything. */
export function naiveSelection(shards: Shards, rule: NaiveRule): readonly SelectionRow[] {
  return naiveRanking(shards, rule).rows.toSorted(
    (a, b) => a.shard - b.shard || a.position - b.position || a.class - b.class,
  );
}

/** Goes through all rows from the best on: each is taken, unless a taken one of its class looks like it or all places are taken. */
function naiveRanking(
  shards: Shards,
  rule: NaiveRule,
): { readonly rows: readonly SelectionRow[]; readonly copies: SelectionSummary["copies"] } {
  const ranked = naiveCandidates(shards, rule)
    .filter(({ score }) => Number.isFinite(score))
    .filter(({ score }) => rule.ranking !== "threshold" || score >= Math.fround(rule.threshold))
    .toSorted(byScore);
  const { distance, keepDuplicates, k, classes } = rule;
  const taken: (SelectionRow & { readonly phash: bigint; copies: number })[] = [];
  for (const { shard, position, image_id, class: index, score, phash } of ranked) {
    const ofClass = taken.filter((row) => row.class === index);
    if (rule.ranking === "balanced" && ofClass.length === k) continue;
    if (rule.ranking === "unbalanced" && taken.length === k * classes.length) continue;
    const original =
      distance === null || keepDuplicates
        ? undefined
        : ofClass.find((row) => hammingDistance(row.phash, phash) <= distance);
    if (original) original.copies++;
    else {
      const class_rank = ofClass.length + 1;
      taken.push({ shard, position, image_id, class: index, class_rank, score, phash, copies: 0 });
    }
  }
  const copies = taken.map((row) => row.copies);
  return {
    rows: taken.map(({ shard, position, image_id, class: index, class_rank, score }) => ({
      shard,
      position,
      image_id,
      class: index,
      class_rank,
      score,
    })),
    copies:
      distance === null || keepDuplicates
        ? null
        : {
            rows: copies.reduce((sum, count) => sum + count, 0),
            groups: copies.filter((count) => count > 0).length,
            largest: Math.max(0, ...copies),
          },
  };
}

/** The summary of a selection, counted one figure at a time. */
export function naiveSummary(
  shards: Shards,
  rule: NaiveRule,
  rows: readonly SelectionRow[],
): SelectionSummary {
  const candidates = naiveCandidates(shards, rule);
  const finite = candidates.filter(({ score }) => Number.isFinite(score));
  const perClass = rule.classes.map((name, index) => {
    const scores = rows.filter((row) => row.class === index).map(({ score }) => score);
    const best = finite.filter((row) => row.class === index && row.rank === 1);
    return {
      name,
      candidates: finite.filter((row) => row.class === index).length,
      selected: scores.length,
      highest: scores.length === 0 ? null : Math.max(...scores),
      lowest: scores.length === 0 ? null : Math.min(...scores),
      bestScores: Array.from(
        { length: 20 },
        (_, bin) => best.filter(({ score }) => Math.min(19, Math.floor(score * 20)) === bin).length,
      ),
    };
  });
  return {
    ranking: rule.ranking,
    k: rule.ranking === "threshold" ? null : rule.k,
    rows: rows.length,
    images: new Set(rows.map(placeOf)).size,
    notFinite: candidates.length - finite.length,
    classes: perClass,
    short: perClass.filter((c) => rule.ranking === "balanced" && c.selected < rule.k).map(({ name }) => name),
    empty: rule.classes.filter((_, index) => !rows.some((row) => row.class === index)),
    duplicates: naiveDuplicates(shards, rule),
    copies: naiveRanking(shards, rule).copies,
  };
}

function naiveDuplicates(
  shards: Shards,
  { references, distance }: NaiveRule,
): SelectionSummary["duplicates"] {
  if (distance === null) return null;
  const pairs = placed(shards)
    .filter(({ rank }) => rank === 1)
    .flatMap((row) =>
      (["labelled", "test", "validation"] as const).flatMap((set) => {
        const near = references
          .filter((reference) => reference.set === set)
          .map((reference) => ({
            image_id: row.image_id,
            reference_id: reference.image_id,
            set,
            distance: hammingDistance(row.phash, reference.phash),
          }))
          .filter((pair) => pair.distance <= distance)
          .toSorted((a, b) => a.distance - b.distance || byName(a.reference_id, b.reference_id));
        return near.slice(0, 1).map((pair) => ({ row, pair }));
      }),
    )
    .toSorted(
      ({ pair: a }, { pair: b }) =>
        a.distance - b.distance || byName(a.image_id, b.image_id) || byName(a.set, b.set),
    );
  const count = (set: string): number => pairs.filter(({ pair }) => pair.set === set).length;
  return {
    images: new Set(pairs.map(({ row }) => placeOf(row))).size,
    sets: { labelled: count("labelled"), validation: count("validation"), test: count("test") },
    labelledTests: references.filter(
      ({ set, phash }) =>
        set === "test" && references.some((other) => other.set === "labelled" && other.phash === phash),
    ).length,
    examples: pairs.slice(0, 20).map(({ pair }) => pair),
  };
}

const placeOf = ({ shard, position }: Pick<SelectionRow, "shard" | "position">): string =>
  `${shard} ${position}`;

function hammingDistance(a: bigint, b: bigint): number {
  return BigInt.asUintN(64, a ^ b)
    .toString(2)
    .replaceAll("0", "").length;
}

const isDuplicate = (phash: bigint, { references, distance }: NaiveRule): boolean =>
  distance !== null && references.some((reference) => hammingDistance(phash, reference.phash) <= distance);

const byScore = (a: Placed, b: Placed): number =>
  b.score - a.score || byName(a.image_id, b.image_id) || a.shard - b.shard || a.position - b.position;

/** The order of the bytes in UTF-8. */
function byName(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => [...new TextEncoder().encode(text)]) as [number[], number[]];
  const differing = left.findIndex((byte, index) => byte !== right[index]);
  return differing < 0 ? left.length - right.length : left[differing]! - (right[differing] ?? -1);
}
