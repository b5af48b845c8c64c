import { eastAsianWidth } from "get-east-asian-width";

/** Pictures, and what asks to be shown as one: two columns each. */
const emoji = /\p{Emoji_Presentation}|\ufe0f/u;
const invisible = /^[\p{Mark}\p{Cf}]+$/u;
const ascii = /^[\x20-\x7e]*$/;

let segmenter: Intl.Segmenter | undefined;

/** The characters as a reader counts them. */
function graphemes(text: string): string[] {
  if (ascii.test(text)) return text.split("");
  segmenter ??= new Intl.Segmenter();
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

function graphemeWidth(grapheme: string): number {
  if (emoji.test(grapheme)) return 2;
  return invisible.test(grapheme) ? 0 : eastAsianWidth(grapheme.codePointAt(0)!);
}

/** Columns that a text takes in a terminal. */
export function textWidth(text: string): number {
  return ascii.test(text) ? text.length : graphemes(text).reduce((sum, part) => sum + graphemeWidth(part), 0);
}

/** Shortens a text to a number of columns; "…" stands for what is left out. */
export function truncate(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  if (columns < 1) return "";
  let kept = "";
  let width = 0;
  for (const part of graphemes(text)) {
    width += graphemeWidth(part);
    if (width > columns - 1) break;
    kept += part;
  }
  return `${kept}…`;
}

/** Shortens a path from its start, because its end tells files apart. */
export function truncateStart(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  if (columns < 1) return "";
  let kept = "";
  let width = 0;
  for (const part of graphemes(text).reverse()) {
    width += graphemeWidth(part);
    if (width > columns - 1) break;
    kept = part + kept;
  }
  return `…${kept}`;
}

/** Fills a text with spaces up to a number of columns. */
export function pad(text: string, columns: number, align: "left" | "right" = "left"): string {
  const space = " ".repeat(Math.max(0, columns - textWidth(text)));
  return align === "left" ? text + space : space + text;
}

/** Shows control characters as escapes, so that a file name or label cannot steer the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}|[\u202a-\u202e\u2066-\u2069]/gu, (character) =>
    JSON.stringify(character) === `"${character}"`
      ? `\\u${character.codePointAt(0)!.toString(16).padStart(4, "0")}`
      : JSON.stringify(character).slice(1, -1),
  );
}
