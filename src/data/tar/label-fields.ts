import { DataError, decodeText } from "../../core/index.ts";
import type { ImageItem } from "../image-source.ts";

/** What a field says of its sample: its label, or why it has none. */
export type FieldLabel = Pick<ImageItem, "label"> | Pick<ImageItem, "labelProblem">;

const maxClassBytes = 4096;
const maxJsonBytes = 16 * 1024 * 1024;

/** Whether a file of an archive may hold a label; others, captions in `.txt` among them, do not. */
export const isLabelField = (file: string): boolean => /\.(?:cls|json)$/i.test(file);

/**
 * The label in a field of a WebDataset sample: the text of `.cls`, or "label" of `.json`; undefined for JSON that has none.
 *
 * @param read Gives the bytes. @throws DataError `data/entry-too-large` for more than the limit
 */
export async function labelOfField(
  file: string,
  read: (limit: number) => Promise<Uint8Array>,
): Promise<FieldLabel | undefined> {
  const isClass = /\.cls$/i.test(file);
  try {
    const text = decodeText(await read(isClass ? maxClassBytes : maxJsonBytes));
    return isClass ? classLabel(text, file) : jsonLabel(text, file);
  } catch (error) {
    if (error instanceof DataError && error.code === "data/entry-too-large")
      return { labelProblem: error.message };
    throw error;
  }
}

function classLabel(text: string, file: string): FieldLabel {
  const label = text.trim();
  return label === ""
    ? { labelProblem: `${file}: expected a class index or name, the field is empty.` }
    : { label };
}

function jsonLabel(text: string, file: string): FieldLabel | undefined {
  let value: unknown;
  try {
    value = parsePythonJson(text);
  } catch {
    return { labelProblem: `${file}: expected JSON, the field cannot be parsed.` };
  }
  if (typeof value !== "object" || value === null || !("label" in value) || value.label === null)
    return undefined;
  const { label } = value;
  return typeof label === "string" || typeof label === "number"
    ? { label: String(label) }
    : { labelProblem: `${file}: expected a number or a text as "label", it is ${typeof label}.` };
}

/** JSON in which NaN and Infinity may stand, as Python's `json.dumps` writes them: no number, so null. */
function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const withoutNan = text.replaceAll(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (found) =>
      found.startsWith('"') ? found : "null",
    );
    if (withoutNan === text) throw error;
    return JSON.parse(withoutNan);
  }
}
