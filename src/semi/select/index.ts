export { boundsTable, histogramTable, type Bound } from "./bounds.ts";
export { duplicateCounts, duplicateExamples, duplicateTables, labelledTestCount } from "./duplicates.ts";
export { sqlFiles, sqlText } from "./literals.ts";
export { candidatesView, scoresView } from "./scores.ts";
export { selectedRows } from "./selected.ts";
export { bestScoreCounts, candidateCounts, scoreBins, selectedCounts, selectedImages } from "./summary.ts";
