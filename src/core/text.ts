/**
 * The text of a file that a person wrote: UTF-8, or UTF-16 as Windows' tools write it. A byte order mark is taken off; without
 * one, UTF-16 is known by the zero that its first letter has, as RFC 4627, section 3 tells the encodings of JSON apart.
 */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder(encodingOf(bytes)).decode(bytes);
}

/** The encoding that the first bytes announce. */
export function encodingOf(bytes: Uint8Array): "utf-8" | "utf-16le" | "utf-16be" {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return "utf-8";
  if ((first === 0xff && second === 0xfe) || (first !== 0 && second === 0)) return "utf-16le";
  if ((first === 0xfe && second === 0xff) || (first === 0 && second !== 0)) return "utf-16be";
  return "utf-8";
}

// As a part of names: 0xE9 becomes U+DCE9, which no well-formed text has.
const rawByte = /[\uDC80-\uDCFF]/u;
const rawBytes = /[\uDC80-\uDCFF]/gu;
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The name of a file as text. Linux takes any bytes for a name; those that are no UTF-8 become lone surrogates, as in Python (PEP
 * 383), from which {@link encodeName} makes the same bytes again.
 */
export function decodeName(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    let name = "";
    for (let at = 0; at < bytes.length;) {
      const letter = letterAt(bytes, at);
      name += letter?.text ?? String.fromCharCode(0xdc00 + bytes[at]!);
      at += letter?.length ?? 1;
    }
    return name;
  }
}

function letterAt(
  bytes: Uint8Array,
  at: number,
): { readonly text: string; readonly length: number } | undefined {
  const first = bytes[at]!;
  const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  try {
    return { text: strict.decode(bytes.subarray(at, at + length)), length };
  } catch {
    return undefined;
  }
}

/** The bytes of a name; undefined for one that is text, which the system takes as it is. */
export function encodeName(name: string): Uint8Array | undefined {
  if (!rawByte.test(name)) return undefined;
  const encoder = new TextEncoder();
  const bytes = Array.from(name, (letter) =>
    rawByte.test(letter) ? [letter.charCodeAt(0) - 0xdc00] : [...encoder.encode(letter)],
  );
  return Uint8Array.from(bytes.flat());
}

/** A name to be shown and stored: bytes that are no UTF-8 as `\xE9`. */
export const shownName = (name: string): string =>
  name.replaceAll(rawBytes, (letter) => `\\x${(letter.charCodeAt(0) - 0xdc00).toString(16).toUpperCase()}`);

/** Whether a percentage of so many images says more than was counted. */
export const isFew = (images: number): boolean => images < 100;

/**
 * An accuracy in percent over so many images: of fewer than 100 the count itself, as in "3 of 7".
 *
 * @param digits After the point of a percentage. @default 1
 */
export function accuracyText(value: number, images: number | undefined, digits = 1): string {
  if (!Number.isFinite(value)) return "–";
  if (images === undefined || !isFew(images)) return `${value.toFixed(digits)} %`;
  return `${Math.round((value * images) / 100)} of ${images}`;
}

/** A path as a word of a command line that can be copied. */
export function shellWord(path: string): string {
  const shown = printable(path);
  return /^[\w./\\:@%+=,~-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", String.raw`'\''`)}'`;
}

/** Shows control characters as escapes, so that a file name or label cannot steer the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu, (character) =>
    JSON.stringify(character) === `"${character}"`
      ? `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`
      : JSON.stringify(character).slice(1, -1),
  );
}
