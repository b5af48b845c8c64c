import type { ConfusionMatrix } from "../../predict/index.ts";
import { confusionFigure } from "./confusion.ts";
import { markup } from "./markup.ts";
import { page } from "./page.ts";

/** A page of its own that shows a confusion matrix and the most frequent confusions. Works without a network. */
export function confusionPage(matrix: ConfusionMatrix, classes: readonly string[]): string {
  return page("Confusion matrix", [
    markup`<header><h1>Confusion matrix</h1></header><section>${confusionFigure(matrix, classes)}</section>`,
  ]);
}
