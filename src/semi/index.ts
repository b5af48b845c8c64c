export * from "./report/index.ts";
export * from "./score-table.ts";
export * from "./selection-table.ts";
