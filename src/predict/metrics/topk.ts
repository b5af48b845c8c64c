/** A class and its score. */
export interface Ranked {
  readonly index: number;
  readonly value: number;
}

/** Whether `a` stands before `b`: the higher score first, equal scores by lower index, NaN last. */
function before(a: Ranked, b: Ranked): boolean {
  if (Number.isNaN(a.value)) return Number.isNaN(b.value) && a.index < b.index;
  if (Number.isNaN(b.value)) return true;
  return a.value > b.value || (a.value === b.value && a.index < b.index);
}

/** The `k` best scores, best first; equal scores by lower index; all of them when there are fewer than `k`. */
export function topk(scores: ArrayLike<number>, k: number): Ranked[] {
  const best: Ranked[] = [];
  for (let index = 0; index < scores.length; index++) {
    const candidate = { index, value: scores[index]! };
    if (best.length >= k && (k === 0 || !before(candidate, best[best.length - 1]!))) continue;
    // k is small: insertion into the sorted list is cheaper than sorting all scores.
    let place = best.length;
    while (place > 0 && before(candidate, best[place - 1]!)) place--;
    best.splice(place, 0, candidate);
    if (best.length > k) best.pop();
  }
  return best;
}

/** Place of class `target` in the order of `topk`: 0 when it is the best. */
export function rankOf(scores: ArrayLike<number>, target: number): number {
  const own = { index: target, value: scores[target]! };
  let rank = 0;
  for (let index = 0; index < scores.length; index++) {
    if (before({ index, value: scores[index]! }, own)) rank++;
  }
  return rank;
}
