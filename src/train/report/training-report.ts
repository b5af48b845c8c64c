import { classTable } from "./class-table.ts";
import { confusionFigure } from "./confusion.ts";
import { curves } from "./curves.ts";
import type { TrainingReportData, ValidationRecord } from "./data.ts";
import { count } from "./figures.ts";
import { factTable } from "./facts.ts";
import { markup, type Markup } from "./markup.ts";
import { mistakeGallery } from "./mistakes.ts";
import { overview } from "./overview.ts";
import { page } from "./page.ts";
import { sweepTable } from "./sweep.ts";

/**
 * A page of its own that shows a training run: curves, where the model errs, speed and memory, the recipe, and where
 * everything comes from. It opens without a network and asks for nothing from one; what a run does not have, such
 * as validation images, is left out.
 */
export function trainingReport(data: TrainingReportData): string {
  const { validation, classes } = data;
  return page(data.title, [
    overview(data),
    curves(data),
    sweepTable(data.sweep ?? []),
    validation && validationSection(validation, classes),
    markup`<section><h2>Run</h2>
<div class="columns">${factTable("Provenance", data.provenance)}${factTable("Machine", data.machine)}</div>
<div class="newspaper">${factTable("Recipe", data.recipe)}</div></section>`,
  ]);
}

function validationSection(validation: ValidationRecord, classes: readonly string[]): Markup {
  const { data, confusion, failed, mistakes } = validation;
  const images = confusion.counts.reduce((sum, value) => sum + value, 0);
  const unread = failed === 0 ? "" : `; ${count(failed)} could not be read`;
  return markup`<section><h2>Validation</h2>
<p>${count(images)} images of ${data}${unread}.</p>
<h3>Confusion matrix</h3>
${confusionFigure(confusion, classes)}
${mistakeGallery(mistakes, classes)}
${classTable(confusion, classes)}
</section>`;
}
