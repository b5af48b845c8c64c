import type { Ranking } from "../../src/semi/select/selection.ts";
import type { ReferenceRow, ScoreRow, SelectionRow } from "../../src/semi/tables.ts";

export interface NaiveRule {
  readonly ranking: Ranking;
  readonly k: number;
  readonly classes: number;
  readonly threshold: number;
  readonly references: readonly ReferenceRow[];
  readonly distance: number | null;
}

type Placed = ScoreRow & { readonly shard: number };

/** The rows that may be ranked, by the definition: every unlabelled image against every reference. */
export function naiveCandidates(
  shards: readonly (readonly ScoreRow[])[],
  rule: NaiveRule,
): readonly Placed[] {
  const rows = shards.flatMap((shard, index) => shard.map((row) => ({ ...row, shard: index })));
  return rows
    .filter(({ rank }) => rule.ranking === "balanced" || rank === 1)
    .filter(({ phash }) => !isDuplicate(phash, rule));
}

/** The selection, by the definition: sorting everything. */
export function naiveSelection(
  shards: readonly (readonly ScoreRow[])[],
  rule: NaiveRule,
): readonly SelectionRow[] {
  const ranked = naiveCandidates(shards, rule)
    .filter(({ score }) => Number.isFinite(score))
    .toSorted(byScore);
  const best =
    rule.ranking === "unbalanced"
      ? ranked.slice(0, rule.k * rule.classes)
      : ranked.filter(({ score }) => rule.ranking === "balanced" || score >= Math.fround(rule.threshold));
  const counts = new Map<number, number>();
  const selection = best.map(({ shard, position, image_id, class: index, score }) => {
    const class_rank = (counts.get(index) ?? 0) + 1;
    counts.set(index, class_rank);
    return { shard, position, image_id, class: index, class_rank, score };
  });
  return selection
    .filter(({ class_rank }) => rule.ranking !== "balanced" || class_rank <= rule.k)
    .toSorted((a, b) => a.shard - b.shard || a.position - b.position || a.class - b.class);
}

export function hammingDistance(a: bigint, b: bigint): number {
  return BigInt.asUintN(64, a ^ b)
    .toString(2)
    .replaceAll("0", "").length;
}

const isDuplicate = (phash: bigint, { references, distance }: NaiveRule): boolean =>
  distance !== null && references.some((reference) => hammingDistance(phash, reference.phash) <= distance);

const byScore = (a: Placed, b: Placed): number =>
  b.score - a.score ||
  Buffer.compare(Buffer.from(a.image_id), Buffer.from(b.image_id)) ||
  a.shard - b.shard ||
  a.position - b.position;
