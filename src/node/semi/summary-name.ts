/** File beside a selection that says what was taken and what was left. */
export const summaryName = "summary.json";
