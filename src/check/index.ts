export { runCheck } from "./run-check.ts";
export { applyFixes, type ApplyFixesOptions, type CleanedCopy } from "./apply-fixes.ts";
export { checkReport, type CheckReportData } from "./check-report.ts";
export { nearCopies, type NearCopy } from "./copies/near-copies.ts";
export { confidentErrors, type LabelError } from "./label-errors.ts";
export type { Action, Finding, FindingKind, Problem } from "./findings.ts";
export type { CheckEvent, CheckOptions, CheckResult } from "./options.ts";
