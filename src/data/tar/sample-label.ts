import { DataError } from "../../core/index.ts";

const maxClassBytes = 4096;
const maxJsonBytes = 16 * 1024 * 1024;

/**
 * The label in a field of a WebDataset sample: the text of `.cls`, or "label" of `.json`.
 *
 * Other fields, captions in `.txt` among them, carry no label.
 */
export async function labelOfField(
  field: string,
  where: string,
  read: (limit: number) => Promise<Uint8Array>,
): Promise<string | undefined> {
  if (field === "cls") {
    const label = new TextDecoder().decode(await read(maxClassBytes)).trim();
    if (label === "") {
      throw new DataError("data/label", `${where}: expected a class index or name, the field is empty.`);
    }
    return label;
  }
  if (field === "json") return jsonLabel(new TextDecoder().decode(await read(maxJsonBytes)), where);
  return undefined;
}

function jsonLabel(text: string, where: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DataError("data/label", `${where}: expected JSON, the field cannot be parsed.`, { cause });
  }
  if (typeof value !== "object" || value === null || !("label" in value)) return undefined;
  const { label } = value;
  return typeof label === "string" || typeof label === "number" ? String(label) : undefined;
}
