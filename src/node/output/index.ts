export {
  openResultWriter,
  type ResultFormat,
  type ResultWriter,
  type ResultWriterOptions,
} from "./open-result-writer.ts";
export type { ResultColumn, ResultRow, ResultValue } from "./result-row.ts";
