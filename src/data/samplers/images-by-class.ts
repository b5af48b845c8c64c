/** The images of each class, in ascending order; classes without images have none. */
export function imagesByClass(labels: ArrayLike<number>): readonly Uint32Array[] {
  const counts: (number | undefined)[] = [];
  for (let i = 0; i < labels.length; i++) counts[labels[i]!] = (counts[labels[i]!] ?? 0) + 1;
  const groups = Array.from(counts, (count) => new Uint32Array(count ?? 0));
  const filled = groups.map(() => 0);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    groups[label]![filled[label]!++] = i;
  }
  return groups;
}
