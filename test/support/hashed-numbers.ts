import { expect } from "vitest";

/** Numbers from -1 to 1 that Python makes too: `hashed` of test/reference/contract_training.py. */
export function hashed(seed: number, length: number): Float64Array<ArrayBuffer> {
  return Float64Array.from({ length }, (_, i) => {
    let x = (Math.imul(i + 1, 0x9e3779b1) + Math.imul(seed, 0x85ebca6b)) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 31 - 1;
  });
}

/** Norm of a tensor, and its product with hashed numbers. */
export type Summary = readonly number[];

/** What a golden file has of a tensor. */
export function summaryOf(data: ArrayLike<number>): Summary {
  const numbers = hashed(99, data.length);
  let [squares, product] = [0, 0];
  for (let i = 0; i < data.length; i++) {
    squares += data[i]! ** 2;
    product += data[i]! * numbers[i]!;
  }
  return [Math.sqrt(squares), product];
}

/** Tensors that miss what they should be by more than a share of their norm. */
export function missed(
  found: Readonly<Record<string, Summary>>,
  golden: Readonly<Record<string, Summary>>,
  tolerance: number,
): Readonly<Record<string, { readonly found: Summary; readonly expected: Summary }>> {
  expect(Object.keys(found).toSorted()).toEqual(Object.keys(golden).toSorted());
  const misses = Object.entries(golden).filter(([name, expected]) => {
    const room = tolerance * Math.max(expected[0]!, 1e-6);
    return !expected.every((value, i) => Math.abs(value - found[name]![i]!) <= room);
  });
  return Object.fromEntries(misses.map(([name, expected]) => [name, { found: found[name]!, expected }]));
}
