/**
 * Compares as timm's `natural_key` does: letters without case, runs of digits by value ("img9" < "img10").
 * Names that this calls equal are ordered by code unit, so that the order is total.
 */
export function compareNaturally(a: string, b: string): number {
  const left = a.toLowerCase();
  const right = b.toLowerCase();
  let i = 0;
  let j = 0;
  while (i < left.length && j < right.length) {
    const l = left.charCodeAt(i);
    const r = right.charCodeAt(j);
    if (isDigit(l) && isDigit(r)) {
      const leftEnd = endOfDigits(left, i);
      const rightEnd = endOfDigits(right, j);
      const difference = compareDigits(left.slice(i, leftEnd), right.slice(j, rightEnd));
      if (difference !== 0) return difference;
      i = leftEnd;
      j = rightEnd;
    } else if (l === r) {
      i++;
      j++;
    } else {
      // Where one name goes on with a digit, its text is over: the shorter text comes first.
      return Number(isDigit(r)) - Number(isDigit(l)) || l - r;
    }
  }
  return left.length - i - (right.length - j) || compareCodeUnits(a, b);
}

/** A new array in natural order. */
export function sortNaturally(names: Iterable<string>): string[] {
  return [...names].sort(compareNaturally);
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

function endOfDigits(text: string, start: number): number {
  let end = start;
  while (isDigit(text.charCodeAt(end))) end++;
  return end;
}

// By length and text instead of by number: runs of digits may exceed what a double can tell apart.
function compareDigits(a: string, b: string): number {
  const left = a.replace(/^0+/, "");
  const right = b.replace(/^0+/, "");
  return left.length - right.length || compareCodeUnits(left, right);
}

function compareCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
