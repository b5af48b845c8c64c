export { readScoreFacts } from "./read-score-facts.ts";
export { openReferenceWriter } from "./reference-writer.ts";
export { openScoreWriter, type ScoreWriter } from "./score-writer.ts";
export { selectImages } from "./select-images.ts";
export type { SelectImagesOptions } from "./select-options.ts";
export { readSelection, rowsAtRanks } from "./selection-reader.ts";
export type { TableWriter } from "./table-writer.ts";
export type { PlannedStage, SemiEvent, StageStatus } from "./events.ts";
export { runSemi, type RunSemiOptions } from "./run-semi.ts";
