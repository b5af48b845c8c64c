import { readFileSync } from "node:fs";

/** Cells of the tables of a page of the docs, ` | ` between them, whatever their padding. */
export function docTableRows(name: string): readonly string[] {
  return readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim())
        .join(" | "),
    );
}
