export * from "./data.ts";
export { semiReport } from "./semi-report.ts";
export { stripClasses, stripRanks } from "./strip-choice.ts";
