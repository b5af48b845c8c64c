import { createHash } from "node:crypto";

/** SHA-256 of values as JSON. */
export const jsonHash = (values: unknown): string =>
  createHash("sha256").update(JSON.stringify(values)).digest("hex");
