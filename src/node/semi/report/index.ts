export { openReport, type WrittenReport } from "./open-report.ts";
export type { ContextRun } from "./standing-run.ts";
