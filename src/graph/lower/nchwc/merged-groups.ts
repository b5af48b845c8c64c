/** Groups of a convolution as blocked kernels take them. */
export interface MergedGroups {
  /** Neighbouring groups that become one, with a block-diagonal weight. */
  readonly factor: number;
  /** Groups that are left. */
  readonly groups: number;
}

/**
 * The fewest neighbouring groups that fill whole blocks together.
 *
 * @param weight [O, C / group, ...]
 * @returns `undefined` when no number of them does.
 */
export function mergedGroups(
  weight: readonly number[],
  group: number,
  block: number,
): MergedGroups | undefined {
  const [out, perGroup] = weight as readonly [number, number];
  for (let factor = 1; factor <= group; factor++) {
    const fills = (perGroup * factor) % block === 0 && ((out / group) * factor) % block === 0;
    if (fills && group % factor === 0) return { factor, groups: group / factor };
  }
  return undefined;
}
