import { createHash } from "node:crypto";
import { DataError } from "../../../core/index.ts";
import type { SelectionSummary } from "../../../semi/index.ts";
import { writeFileAtomic } from "../../write-file.ts";
import type { SemiContext } from "../context.ts";
import type { SemiEvent } from "../events.ts";
import { checkScores } from "../check-scores.ts";
import { readScores, referencesName } from "../score-files.ts";
import { summaryName } from "../summary-name.ts";
import { selectImages } from "../select-images.ts";
import type { OpenStage, StageOutcome } from "./stage-work.ts";

/** Selects the best scored images of each class. */
export const openSelect: OpenStage = async (context, { folder, needs, settings }) => {
  const [scores] = needs as readonly [string];
  const { inputs, settings: scoring } = await context.manifest(scores);
  // The scores follow from these, and are too many to be read for a hash.
  const hash = createHash("sha256")
    .update(JSON.stringify([inputs, scoring]))
    .digest("hex");
  return {
    origin: { settings, inputs: { [scores]: hash } },
    run: () => select(context, folder, scores),
  };
};

async function* select(
  context: SemiContext,
  folder: string,
  scores: string,
): AsyncGenerator<SemiEvent, StageOutcome | undefined, undefined> {
  const { path, settings, signal, execution } = context;
  const files = await readScores(path(scores));
  checkScores(files, await context.manifest(scores));
  const { classes } = files[0]!.facts;
  const summary = await selectImages({
    scores: files.map((file) => file.path),
    classes,
    images: files.reduce((sum, { facts }) => sum + facts.images, 0),
    references: path(scores, referencesName),
    k: settings.k,
    ranking: settings.ranking,
    threshold: settings.threshold,
    duplicateDistance: settings.duplicateDistance,
    out: path(folder, "selection.parquet"),
    temporaryFolder: path(folder),
    threads: execution.threads,
    signal,
  });
  if (summary.rows === 0) throw nothingSelected(summary);
  for (const message of warningsOf(summary)) yield { type: "warning", stage: folder, message };
  await writeFileAtomic(path(folder, summaryName), [Buffer.from(`${JSON.stringify(summary)}\n`)]);
  return {
    outputs: ["selection.parquet"],
    counts: {
      ...(summary.k === null ? {} : { k: summary.k }),
      rows: summary.rows,
      images: summary.images,
      classes: summary.classes.filter(({ selected }) => selected > 0).length,
      ...(summary.duplicates ? { duplicates: summary.duplicates.images } : {}),
    },
  };
}

function nothingSelected({ ranking, classes, duplicates }: SelectionSummary): DataError {
  const candidates = classes.reduce((sum, one) => sum + one.candidates, 0);
  const removed = duplicates?.images
    ? `; ${duplicates.images} images were left out as they look like a labelled or test image (duplicateDistance)`
    : "";
  return new DataError(
    "semi/nothing-selected",
    `No image was selected of ${candidates} candidates${removed}. ${ranking === "threshold" ? "Lower the threshold." : "Check that there are unlabelled images that can be read, other than the labelled ones."}`,
  );
}

function warningsOf({ short, k, notFinite }: SelectionSummary): readonly string[] {
  const shown = short.slice(0, 5).join(", ") + (short.length > 5 ? ", …" : "");
  return [
    ...(short.length > 0
      ? [
          `${short.length} classes have fewer than K (${k}) images: ${shown}. A smaller K keeps the classes balanced.`,
        ]
      : []),
    ...(notFinite > 0 ? [`${notFinite} scores are no finite numbers, and are left out.`] : []),
  ];
}
