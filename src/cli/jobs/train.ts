import { trainModel, type TrainingEvent } from "../../node/trainer/index.ts";
import type { Outcome } from "../command.ts";
import type { TrainOptions } from "../commands/train.ts";
import { hubNotices } from "../hub-notices.ts";
import { failureSummary, type NamedFailure } from "../image-failures.ts";
import { eventEntry } from "../train/event-entry.ts";
import { eventLines } from "../train/event-lines.ts";
import { recipeLayers } from "../train/recipe-layers.ts";
import { grouped } from "../output/numbers.ts";
import { stepProgress } from "../train/step-progress.ts";
import { printUnlessAborted } from "../print-lines.ts";
import type { Terminal } from "../terminal.ts";

/** Trains a model on labelled images. */
export async function train(
  data: readonly string[],
  options: TrainOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const { val, out, resume, model, weights, scratch, offline, device, threads, workers } = options;
  const events = trainModel({
    data,
    validation: val,
    out,
    resume,
    recipe: await recipeLayers(options),
    model,
    weights,
    scratch,
    device,
    threads,
    workers,
    imageColumn: options.imageColumn,
    labelColumn: options.labelColumn,
    decode: { exifOrientation: options.exif },
    hub: { ...(offline ? { offline } : {}), onEvent: hubNotices(terminal) },
    signal: terminal.signal,
  });
  const progress = stepProgress(terminal);
  const skipped = new Map<string, NamedFailure>();
  let images = 0;
  terminal.status(() => terminal.noticeStyle.dim("opening images and model …"));
  for await (const event of events) {
    progress(event);
    if (event.type === "started") images = event.trainingImages;
    if (event.type === "skipped") skipped.set(event.id, { image: event.id, message: event.error.message });
    if (event.type === "stopped") terminal.notice(howToGoOn(event));
    await show(event, options, terminal);
  }
  terminal.signal.throwIfAborted();
  terminal.clearStatus();
  for (const line of failureSummary([...skipped.values()], skipped.size, images)) terminal.notice(line);
  return "ok";
}

/** Prints an event. */
async function show(event: TrainingEvent, { json }: TrainOptions, terminal: Terminal): Promise<void> {
  const lines = json ? [JSON.stringify(eventEntry(event))] : eventLines(event, terminal.style);
  await printUnlessAborted(lines, terminal);
}

function howToGoOn({ step, path }: Extract<TrainingEvent, { type: "stopped" }>): string {
  return `stopped after step ${grouped(step)}; ${path} is saved. To go on, give the same command with --resume.`;
}
