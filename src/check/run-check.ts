import { UsageError } from "../core/index.ts";
import { writeText } from "../core/storage/index.ts";
import { addLeftOut, imageSets, leftOutText, type ImageItem, type NamedSet } from "../data/index.ts";
import { decodeOptionsOf } from "../image/index.ts";
import { isGraphConfig } from "../nn/index.ts";
import { engineOfRun, fasterFor, requireEngineOfRun, writeEngine } from "../train/run/run-engine.ts";
import type { TrainingPlatform } from "../train/platform.ts";
import { groupCopies } from "./copies/copy-groups.ts";
import { examineImages, type ExaminedImages } from "./examine.ts";
import { findingKinds, type Finding, type FindingKind, type Problem } from "./findings.ts";
import { fixesText } from "./fixes.ts";
import {
  classCounts,
  copyFindings,
  findingProblems,
  sizeFindings,
  unreadableFindings,
  wholeProblems,
} from "./gather-findings.ts";
import { openJournal } from "./journal.ts";
import { embeddedImages, modelFindings } from "./model-findings.ts";
import { openSets } from "./open-sets.ts";
import type { CheckEvent, CheckOptions, CheckResult } from "./options.ts";
import { checkReport, pictureKey, shownOfKind, type Pictures } from "./check-report.ts";

/**
 * Looks for what is wrong with images before anything is trained on them: files that cannot be read, sizes, copies within a class,
 * across classes and across sets, and with a model likely label errors, outliers and images unlike any class.
 *
 * What was found out of each image is kept in the folder: a check that was stopped goes on where it was, and one of images that were
 * changed looks at the new ones only. Nothing but that folder is written to.
 *
 * @throws UsageError `check/model` for a model without an embedding, `usage/no-effect` for `engine`, `precision` or `device` without a
 *   model; TrainingError `train/other-run` for another engine or precision than a check in this folder embedded with; DataError for
 *   images that are not there, and for a folder that cannot be written to; what opening and running the model throws.
 */
export async function* runCheck(
  platform: TrainingPlatform,
  options: CheckOptions,
): AsyncGenerator<CheckEvent, void, undefined> {
  const began = performance.now();
  const { out, model, signal, embeddingCache, engine, precision, device, plan, decode } = options;
  if (!model) refuseWithoutModel(options);
  else if (isGraphConfig(model.description.config)) throw noEmbedding(model.description.name);
  const { sets, splits } = await openSets(platform, options, out);
  if (splits) yield { type: "splits", ...splits };
  const storage = platform.storageFor(out);
  const folder = { storage, path: out };
  const asked = { engine, precision, resume: true };
  if (model) await requireEngineOfRun(platform, folder, asked, device ?? "cpu");
  await storage.makeFolder(out);
  const unlock = await storage.lock(storage.join(out, ".check.lock"), { signal });
  try {
    const ranOn = model && (await engineOfRun(folder, asked, fasterFor(platform, model, { device, plan })));
    if (ranOn) await writeEngine(folder, ranOn);
    const journal = await openJournal(storage, storage.join(out, "images.jsonl"));
    const embedded = embeddedImages();
    let images: ExaminedImages;
    try {
      images = yield* examineImages(platform, sets, {
        journal,
        model,
        embeddingCache,
        onEmbedding: embedded.add,
        ...(ranOn ?? { engine: "onnxruntime", precision: "fp32" }),
        device,
        plan,
        decode,
        signal,
      });
    } finally {
      await journal.close();
    }
    yield { type: "step", step: "copies" };
    const copies = await groupCopies(images, () => nextTurn(signal));
    const findings: Finding[] = [
      ...unreadableFindings(images),
      ...copyFindings(images, copies),
      ...sizeFindings(images),
    ];
    if (model) {
      yield { type: "step", step: "labels" };
      findings.push(...(await modelFindings(platform, images, copies, embedded, signal)));
    }
    yield { type: "step", step: "page" };
    const order = Object.keys(findingKinds);
    findings.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
    for (const finding of findings) yield { type: "finding", ...finding };

    const classes = classCounts(images);
    const result: CheckResult = {
      report: storage.join(out, "report.html"),
      fixes: storage.join(out, "fixes.csv"),
      sets: sets.map(({ set }) => ({ set, images: imagesOf(images, set) })),
      classes,
      findings: findings.length,
      ...ranOn,
      problems: [...findingProblems(findings), ...wholeProblems(images, classes), ...leftOutProblems(sets)],
      seconds: (performance.now() - began) / 1000,
    };
    await writeText(storage, result.fixes, fixesText(findings));
    const shown = shownFindings(findings);
    const pictures = await picturesOf(sets, shown, (item) =>
      platform.thumbnail(item, decodeOptionsOf({ exifOrientation: true }, decode)),
    );
    const data = { result, findings, pictures, model: model?.description.name };
    await writeText(storage, result.report, checkReport(data));
    yield { type: "finished", ...result };
  } finally {
    await unlock();
  }
}

/** @throws UsageError `usage/no-effect` for what a model would run on */
function refuseWithoutModel({ engine, precision, device }: CheckOptions): void {
  const given = { engine, precision, device: device === "cpu" ? undefined : device };
  const [unused] = Object.entries(given).find(([, value]) => value !== undefined) ?? [];
  if (unused === undefined) return;
  throw new UsageError(
    "usage/no-effect",
    `${unused} (--${unused}): no effect without a model, whose embeddings it is for; name one (model, -m, -w), or leave it out.`,
  );
}

const noEmbedding = (name: string): UsageError =>
  new UsageError(
    "check/model",
    `${name} is an ONNX model, whose embeddings are not looked for here; give a model of the list, or a file of weights.`,
  );

const imagesOf = ({ sets }: ExaminedImages, set: NamedSet["set"]): number =>
  sets.reduce((sum, one) => sum + (imageSets[one] === set ? 1 : 0), 0);

/** A turn of the event loop, in which an abort is seen. */
async function nextTurn(signal: AbortSignal | undefined): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
  signal?.throwIfAborted();
}

function leftOutProblems(sets: readonly NamedSet[]): readonly Problem[] {
  const leftOut = addLeftOut(sets.flatMap(({ images }) => images.leftOut ?? []));
  if (!leftOut) return [];
  const count = leftOut.reduce((sum, { files }) => sum + files, 0);
  return [
    {
      kind: "left-out",
      count,
      text: `Files of kinds that are not read: ${leftOutText(leftOut).join("; ")}.`,
    },
  ];
}

function shownFindings(findings: readonly Finding[]): readonly Finding[] {
  return (Object.keys(findingKinds) as FindingKind[]).flatMap((kind) =>
    findings.filter((finding) => finding.kind === kind).slice(0, shownOfKind),
  );
}

async function picturesOf(
  sets: readonly NamedSet[],
  shown: readonly Finding[],
  thumbnail: (item: ImageItem) => Promise<string | undefined>,
): Promise<Pictures> {
  const wanted = new Set(
    shown
      .filter(({ kind }) => kind !== "unreadable")
      .flatMap((finding) => [finding, ...(finding.other ? [finding.other] : [])].map(pictureKey)),
  );
  const pictures = new Map<string, string>();
  for (const { set, images } of sets) {
    if (![...wanted].some((key) => key.startsWith(`${set} `))) continue;
    for await (const item of images) {
      const key = pictureKey({ set, image: item.id });
      if (!wanted.has(key)) continue;
      const picture = await thumbnail(item);
      if (picture !== undefined) pictures.set(key, picture);
    }
  }
  return pictures;
}
