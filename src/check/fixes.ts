import { stringify } from "csv-stringify/sync";
import { DataError } from "../core/index.ts";
import { imageSets, type ImageSet } from "../data/index.ts";
import { actions, type Action, type Finding } from "./findings.ts";

/** Columns of the list of fixes; the first five are what is done, the others say why. */
const columns = [
  "set",
  "image",
  "label",
  "action",
  "to",
  "kind",
  "found",
  "other_set",
  "other_image",
  "score",
] as const;

type Column = (typeof columns)[number];

/** The findings as a table to edit, a row for each. */
export function fixesText(findings: readonly Finding[]): string {
  const rows = findings.map(({ set, image, label = "", action, to = "", kind, found, other, score }) => {
    const cells: Readonly<Record<Column, string>> = {
      set,
      image,
      label,
      action,
      to,
      kind,
      found,
      other_set: other?.set ?? "",
      other_image: other?.image ?? "",
      score: score === undefined ? "" : String(Number(score.toFixed(4))),
    };
    return columns.map((column) => cells[column]);
  });
  return stringify([columns, ...rows]);
}

/** What is to be done with an image. */
export interface Fix {
  readonly set: ImageSet;
  readonly image: string;
  readonly action: Exclude<Action, "keep">;
  /** The class, for `relabel`. */
  readonly to: string;
  /** Where it stands in the table, from 1. */
  readonly line: number;
}

/** The graver action of several rows wins: what is removed need not be relabelled. */
const gravity: readonly Action[] = ["keep", "relabel", "move", "remove"];

/**
 * Reads a list of fixes: what is to be done with each image that is not kept, by {@link fixKey}. Columns may stand in any order;
 * those that say why may be missing.
 *
 * @param path What errors call it.
 * @throws DataError `check/fixes` for a table without the columns, and for a row that cannot be followed, by its line
 */
export async function readFixes(text: string, path: string): Promise<ReadonlyMap<string, Fix>> {
  const { default: papaparse } = await import("papaparse");
  const { data } = papaparse.parse<string[]>(text, { delimiter: "", skipEmptyLines: false });
  const [header = [], ...rows] = data;
  const names = header.map((name) => name.trim().toLowerCase());
  const missing = (["set", "image", "action"] as const).filter((column) => !names.includes(column));
  if (missing.length > 0) {
    throw new DataError(
      "check/fixes",
      `${path}: expected the columns ${columns.slice(0, 5).join(", ")} in its first line, ${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"} missing. Give the fixes.csv of a check.`,
    );
  }
  const fixes = new Map<string, Fix>();
  let line = 1 + linesIn(header);
  for (const cells of rows) {
    const at = line;
    line += linesIn(cells);
    if (cells.every((cell) => cell.trim() === "")) continue;
    const cell = (column: Column): string => cells[names.indexOf(column)]?.trim() ?? "";
    const fix = fixOf({ cell, image: cells[names.indexOf("image")] ?? "", line: at, path });
    if (!fix) continue;
    const key = fixKey(fix);
    fixes.set(key, graver(fixes.get(key), fix, path));
  }
  return fixes;
}

export const fixKey = ({ set, image }: Pick<Fix, "set" | "image">): string => `${set} ${image}`;

/** Lines that a row takes: what is quoted may hold line breaks. */
const linesIn = (cells: readonly string[]): number =>
  1 + cells.reduce((sum, cell) => sum + (cell.match(/\n/g)?.length ?? 0), 0);

interface Row {
  readonly cell: (column: Column) => string;
  readonly image: string;
  readonly line: number;
  readonly path: string;
}

function fixOf({ cell, image, line, path }: Row): Fix | undefined {
  const refuse = (what: string): DataError => new DataError("check/fixes", `${path}, line ${line}: ${what}`);
  const [set, action, to] = [cell("set"), cell("action").toLowerCase(), cell("to")];
  if (!isOne(actions, action)) {
    throw refuse(`action ${JSON.stringify(action)}: expected ${actions.join(", ")}.`);
  }
  if (!isOne(imageSets, set)) throw refuse(`set ${JSON.stringify(set)}: expected ${imageSets.join(", ")}.`);
  if (image === "") throw refuse("names no image.");
  if (action === "keep") return undefined;
  if (action === "relabel" && to === "") {
    throw refuse("relabel needs the right class in the column to.");
  }
  if (action === "relabel" && set === "unlabelled") {
    throw refuse("relabel: the image is unlabelled. Put it into the folder of its class yourself.");
  }
  if (action === "move" && to !== "unlabelled") {
    throw refuse(`move to ${JSON.stringify(to)}: images can be moved to unlabelled only.`);
  }
  return { set, image, action, to, line };
}

const isOne = <const Word extends string>(words: readonly Word[], word: string): word is Word =>
  (words as readonly string[]).includes(word);

function graver(known: Fix | undefined, fix: Fix, path: string): Fix {
  if (!known) return fix;
  if (known.action === "relabel" && fix.action === "relabel" && known.to !== fix.to) {
    throw new DataError(
      "check/fixes",
      `${path}, line ${fix.line}: ${fix.image} is relabelled to ${fix.to}, and to ${known.to} in line ${known.line}. Leave one.`,
    );
  }
  return gravity.indexOf(fix.action) > gravity.indexOf(known.action) ? fix : known;
}
