export { openReport } from "./open-report.ts";
export type { ContextRun } from "./standing-run.ts";
