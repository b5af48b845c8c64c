export * from "./data.ts";
export { shownArms } from "./arm-names.ts";
export { semiReport } from "./semi-report.ts";
export { meanOf, plusMinus, spread } from "./spread.ts";
export { stripClasses, stripRanks } from "./strip-choice.ts";
