import { openImages } from "../../node/images/index.ts";
import { failureEntry } from "../failure-entry.ts";
import { readLabels } from "../labels.ts";
import { announcePlan, openModel } from "../open-model.ts";
import { failureSummary } from "../image-failures.ts";
import { imageProgress } from "../image-progress.ts";
import { claimsFor } from "../validation/claims.ts";
import { checkConfusionPath, writeConfusion } from "../validation/confusion-file.ts";
import { openRealLabels, openSubset } from "../validation/label-files.ts";
import { perClassEntries, perClassLines } from "../validation/per-class-lines.ts";
import { openResultsFile, resultsRow } from "../validation/results-row.ts";
import { summaryEntry, summaryLines, type ValidationSummary } from "../validation/summary.ts";
import type { Outcome } from "../command.ts";
import type { ValidateOptions } from "../commands/validate.ts";
import type { Terminal } from "../terminal.ts";

/** Measures a model over labelled images. */
export async function validate(
  data: readonly string[],
  options: ValidateOptions,
  terminal: Terminal,
): Promise<Outcome> {
  if (options.confusion !== undefined) checkConfusionPath(options.confusion);
  const addRow = options.results === undefined ? undefined : await openResultsFile(options.results);
  const classes = options.labels === undefined ? undefined : await readLabels(options.labels);
  const images = await openImages(data, { ...options, signal: terminal.signal });
  const model = await openModel(options, terminal, {
    decode: { exifOrientation: options.exif },
    ...(classes ? { classes } : {}),
  });
  try {
    const subset = await openSubset(options.subset, model.classes.length);
    const realLabels = await openRealLabels(options.real);
    await announcePlan(model, ["logits"], images.size, terminal);
    const report = await model.validate(images, {
      subset,
      realLabels,
      signal: terminal.signal,
      onFailure: options.json
        ? (failure) => terminal.print([JSON.stringify(failureEntry(failure))])
        : undefined,
      onProgress: imageProgress(images.size, terminal),
    });
    terminal.clearStatus();

    const summary: ValidationSummary = {
      model: model.description,
      report,
      claims: claimsFor(model, options.subset),
    };
    if (options.confusion !== undefined) {
      await writeConfusion(options.confusion, report.confusion, model.classes);
    }
    await addRow?.(resultsRow(summary));
    if (options.json) {
      const perClass = options.perClass ? { perClass: perClassEntries(report, model.classes) } : {};
      await terminal.print([JSON.stringify({ ...summaryEntry(summary), ...perClass })]);
    } else {
      if (options.perClass) {
        await terminal.print([...perClassLines(report, model.classes, terminal.columns), ""]);
      }
      await terminal.print(summaryLines(summary, terminal.style));
    }
    const failures = report.failures.map(({ image, error }) => ({ image, message: error.message }));
    for (const line of failureSummary(failures, report.failed, report.count + report.failed)) {
      terminal.notice(line);
    }
    return report.failed > 0 ? "failed" : "ok";
  } finally {
    await model.release();
  }
}
