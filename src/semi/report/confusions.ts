import { confusionFigure, markup, type Markup } from "../../train/report/index.ts";
import type { SemiReportData } from "./data.ts";

/** Which classes the student and the teacher take for each other. */
export function confusions({ confusion, classes }: SemiReportData): Markup | undefined {
  const { finetuned, teacher, supervised } = confusion ?? {};
  const all = [
    { name: "Fine-tuned student", matrix: finetuned },
    { name: "Teacher", matrix: teacher },
    { name: "Supervised baseline", matrix: supervised },
  ].flatMap(({ name, matrix }) => (matrix ? [{ name, figure: confusionFigure(matrix, classes) }] : []));
  const [first, ...rest] = all;
  if (!first) return undefined;
  return markup`<section><h2>What is taken for what</h2>
<h3>${first.name}</h3>${first.figure}
${rest.map(({ name, figure }) => markup`<details><summary>${name}</summary>${figure}</details>`)}</section>`;
}
