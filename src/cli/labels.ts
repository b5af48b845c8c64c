import { readText } from "./read-text.ts";

/** Class names of a file with one name a line. */
export async function readLabels(path: string): Promise<readonly string[]> {
  const lines = (await readText(path)).split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}
