import { openImages } from "../../node/images/index.ts";
import { defineCommand, type LoadedCommand } from "../command.ts";
import { failureEntry } from "../failure-entry.ts";
import { readLabels } from "../labels.ts";
import { announcePlan, openModel } from "../open-model.ts";
import { inputOptions, type InputOptions } from "../options/input-options.ts";
import { modelOptions, runOptions, type ModelOptions, type RunOptions } from "../options/model-options.ts";
import { jsonOption } from "../options/output-options.ts";
import { flag, text } from "../options/schemas.ts";
import { failureSummary } from "../image-failures.ts";
import { imageProgress } from "../image-progress.ts";
import { claimsFor } from "../validation/claims.ts";
import { checkConfusionPath, writeConfusion } from "../validation/confusion-file.ts";
import { openRealLabels, openSubset } from "../validation/label-files.ts";
import { perClassEntries, perClassLines } from "../validation/per-class-lines.ts";
import { appendResultsRow, resultsRow } from "../validation/results-row.ts";
import { summaryEntry, summaryLines, type ValidationSummary } from "../validation/summary.ts";

interface ValidateOptions extends ModelOptions, RunOptions, InputOptions {
  readonly json: boolean;
  readonly labels: string | undefined;
  readonly real: string | undefined;
  readonly subset: string | undefined;
  readonly perClass: boolean;
  readonly confusion: string | undefined;
  readonly results: string | undefined;
}

/** `validate`: accuracy over labelled images. */
export const validateCommand: LoadedCommand = defineCommand<ValidateOptions>({
  operands: {
    "<data...>":
      "a folder of class folders, .tar of the same, WebDataset shards, or Parquet with a label column",
  },
  options: {
    real: {
      flags: "--real <file>",
      about: "real.json: count with ImageNet's reassessed labels too",
      schema: text.optional(),
    },
    subset: {
      flags: "--subset <name>",
      about: "choose among some classes only: imagenet-a, imagenet-r, or a file of class indices",
      schema: text.optional(),
    },
    labels: {
      flags: "--labels <file>",
      about: "class names, one a line, in the order of the model's outputs",
      schema: text.optional(),
    },
    perClass: {
      flags: "--per-class",
      about: "recall, precision and F1 of every class, worst first",
      schema: flag,
    },
    confusion: {
      flags: "--confusion <file>",
      about: "write the confusion matrix: .csv, or .html to look at",
      schema: text.optional(),
    },
    results: {
      flags: "--results <file>",
      about: "append a row to a CSV with timm's columns and the card's claim",
      schema: text.optional(),
    },
    json: {
      ...jsonOption,
      about: "print a line of JSON per failed image, and one with top1 and top5 at the end",
    },
    ...inputOptions,
    ...modelOptions,
    ...runOptions,
  },
  examples: [
    ["validate imagenet/val", "accuracy next to the card's claim"],
    ["validate imagenet/val --real real.json --results results.csv", "with ReaL labels, as a row of timm's"],
    ["validate imagenet-a.tar --subset imagenet-a", "among the 200 classes of ImageNet-A"],
    ["validate my-photos --weights my.safetensors --confusion confusion.html", "where a model errs"],
  ],
  async run(data, options, terminal) {
    if (options.confusion !== undefined) checkConfusionPath(options.confusion);
    const classes = options.labels === undefined ? undefined : await readLabels(options.labels);
    const [model, images] = await Promise.all([
      openModel(options, terminal, {
        decode: { exifOrientation: options.exif },
        ...(classes ? { classes } : {}),
      }),
      openImages(data, { ...options, signal: terminal.signal }),
    ]);
    try {
      const subset = await openSubset(options.subset, model.classes.length);
      const realLabels = await openRealLabels(options.real);
      await announcePlan(model, ["logits"], images.size, terminal);
      const report = await model.validate(images, {
        subset,
        realLabels,
        signal: terminal.signal,
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
      if (options.results !== undefined) await appendResultsRow(options.results, resultsRow(summary));
      if (options.json) {
        await terminal.print(report.failures.map((failure) => JSON.stringify(failureEntry(failure))));
        const perClass = options.perClass ? { perClass: perClassEntries(report, model.classes) } : {};
        await terminal.print([JSON.stringify({ ...summaryEntry(summary), ...perClass })]);
      } else {
        if (options.perClass) {
          await terminal.print([...perClassLines(report, model.classes, terminal.columns), ""]);
        }
        await terminal.print(summaryLines(summary, terminal.style));
      }
      const failures = report.failures.map(({ image, error }) => ({ image, message: error.message }));
      for (const line of failureSummary(failures, failures.length, report.count + failures.length)) {
        terminal.notice(line);
      }
      return failures.length > 0 ? "failed" : "ok";
    } finally {
      await model.release();
    }
  },
});
