/** Sorts names by how many letter pairs they share with what was asked for; of equals, the shorter is nearer. */
export function nearestNames(wanted: string, names: readonly string[]): readonly string[] {
  const pairs = (text: string): Set<string> =>
    new Set(Array.from({ length: text.length - 1 }, (_, i) => text.slice(i, i + 2)));
  const asked = pairs(wanted.toLowerCase());
  const shared = (name: string): number =>
    [...pairs(name.toLowerCase())].filter((pair) => asked.has(pair)).length;
  return names.toSorted((a, b) => shared(b) - shared(a) || a.length - b.length);
}
