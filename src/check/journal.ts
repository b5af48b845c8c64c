import * as z from "zod";
import { ImageError } from "../core/index.ts";
import { readText, type GrowingFile, type Storage } from "../core/storage/index.ts";
import { greySide, type ImageFacts } from "../image/index.ts";

/** What a file is, or why it is no image that can be read. */
export type Examined = ImageFacts | { readonly error: ImageError };

/** What was found out of files, by the SHA-256 of their bytes in hexadecimal; kept on disk as it comes. */
export interface Journal {
  find(hash: string): Examined | undefined;
  add(hash: string, examined: Examined): Promise<void>;
  close(): Promise<void>;
}

/** Changes when facts are found in another way. */
const format = "ssl-resnext check 1";

const count = z.int().min(0);
const rowSchema = z.union([
  z.strictObject({
    sha256: z.string(),
    bytes: count,
    width: count,
    height: count,
    orientation: count,
    grey: z.base64(),
  }),
  z.strictObject({ sha256: z.string(), code: z.string(), message: z.string() }),
]);

/**
 * Opens the journal of a folder: a line of JSON for each file, which is there after a crash. A line that was cut off, and all of
 * a journal of another version, is written again.
 *
 * @throws DataError when it cannot be read or written
 */
export async function openJournal(storage: Storage, path: string): Promise<Journal> {
  const known = new Map<string, Examined>();
  const text = (await storage.stat(path)) ? await readText(storage, path) : "";
  const complete = text.slice(0, text.lastIndexOf("\n") + 1);
  const [first, ...lines] = complete.split("\n");
  const isKnown = first === format;
  const bytes = isKnown ? new TextEncoder().encode(complete).length : 0;
  if (isKnown) for (const line of lines) readRow(line, known);
  const file: GrowingFile = await storage.grow(path);
  const write = (line: string): Promise<void> => file.append(new TextEncoder().encode(`${line}\n`));
  await file.truncate(bytes);
  if (!isKnown) await write(format);
  return {
    find: (hash) => known.get(hash),
    async add(hash, examined) {
      if (known.has(hash)) return;
      known.set(hash, examined);
      await write(JSON.stringify({ sha256: hash, ...rowOf(examined) }));
    },
    close: () => file.close(),
  };
}

function rowOf(examined: Examined): object {
  if (!("error" in examined)) return { ...examined, grey: btoa(String.fromCharCode(...examined.grey)) };
  const { code, message } = examined.error;
  return { code, message };
}

function readRow(line: string, known: Map<string, Examined>): void {
  const row = parsed(line);
  if (row === undefined) return;
  if ("code" in row) {
    known.set(row.sha256, { error: new ImageError(row.code, row.message) });
    return;
  }
  const { sha256, ...facts } = row;
  const grey = Uint8Array.from(atob(row.grey), (character) => character.charCodeAt(0));
  if (grey.length === greySide * greySide) known.set(sha256, { ...facts, grey });
}

/** A row; undefined for one that is damaged. */
function parsed(line: string): z.infer<typeof rowSchema> | undefined {
  try {
    return rowSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
