import { DataError } from "../core/index.ts";

/** Nothing stands at a URI: `data/not-found`. */
export const notFound = (uri: string): DataError =>
  new DataError("data/not-found", `${uri}: no such file or folder. Check the path.`);

/** A folder stands where a file was expected: `data/not-a-file`. */
export const notAFile = (uri: string): DataError =>
  new DataError("data/not-a-file", `${uri}: a folder stands where a file was expected.`);

/** A range reaches past the end of a file that ends at `size`: `data/truncated`. */
export const endsEarly = (uri: string, offset: number, length: number, size: number): DataError =>
  new DataError(
    "data/truncated",
    `${uri}: expected ${length} bytes at ${offset}, the file ends at ${size}. It was cut off or has changed since it was listed.`,
  );
