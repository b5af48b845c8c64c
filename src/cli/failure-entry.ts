import type { Failure } from "../predict/index.ts";
import type { ResultRow } from "../node/output/index.ts";

/** An image that failed, as JSON. */
export function failureEntry({ image, error }: Failure): ResultRow {
  return { image, error: { code: error.code, message: error.message } };
}

/** An image that failed, as a row of a table. */
export function failureRow({ image, error }: Failure): ResultRow {
  return { image, error: `${error.code}: ${error.message}` };
}
