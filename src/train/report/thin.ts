/** A point of a curve. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** At most `limit` points with the same outline: the least and the greatest of each stretch are kept. */
export function thin<P extends Point>(points: readonly P[], limit: number): readonly P[] {
  if (points.length <= limit) return points;
  const stretch = Math.ceil((2 * points.length) / limit);
  const kept: P[] = [];
  for (let start = 0; start < points.length; start += stretch) {
    const part = points.slice(start, start + stretch);
    const least = part.reduce((a, b) => (b.y < a.y ? b : a));
    const most = part.reduce((a, b) => (b.y > a.y ? b : a));
    kept.push(...(least.x === most.x ? [least] : [least, most].sort((a, b) => a.x - b.x)));
  }
  return kept;
}
