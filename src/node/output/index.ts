export { openResultWriter, type ResultFormat } from "./open-result-writer.ts";
export type { ResultColumn, ResultRow } from "./result-row.ts";
