import { UsageError } from "../../core/index.ts";
import { applyFixes, checkImages } from "../../node/check.ts";
import { folderOnDisk } from "../../node/files/file-storage.ts";
import { openModel } from "../../node/library.ts";
import type { ModelSource } from "../../predict/open-model.ts";
import { modelName, modelSettings } from "../open-model.ts";
import type { Outcome } from "../options/command.ts";
import { printUnlessAborted, type Terminal } from "../output/terminal.ts";
import type { CheckCliOptions } from "./options.ts";
import { appliedLines, checkEntry, checkLines, checkProgress } from "./view.ts";

/** Looks for what is wrong with images, or makes a cleaned copy of them. */
export async function check(
  data: readonly string[],
  options: CheckCliOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const { validation, test, unlabelled, imageColumn, labelColumn, labelsFile } = options;
  const checked = { data, validation, test, unlabelled, imageColumn, labelColumn, labelsFile };
  const { signal } = terminal;
  if (options.apply !== undefined || options.to !== undefined) {
    const { fixes, to } = fixesOf(options);
    folderOnDisk(to);
    const copy = await applyFixes({ ...checked, fixes, to, signal });
    const lines = options.json
      ? [JSON.stringify({ type: "applied", ...copy })]
      : appliedLines(copy, terminal.style);
    await terminal.print(lines);
    return "ok";
  }
  refuseWithoutModel(options);
  const { batchSize, workers, threads, engine, precision, device, out } = options;
  const events = checkImages({
    ...checked,
    out,
    model: await openedModel(options, terminal),
    engine,
    precision,
    device,
    plan: { batchSize, workers, threadsPerWorker: threads },
    signal,
  });
  const progress = checkProgress(terminal);
  for await (const event of events) {
    progress(event);
    if (event.type === "finished") {
      terminal.clearStatus();
      const { engine: ran, precision: floats } = event;
      if (options.verbose && ran)
        terminal.notice(terminal.noticeStyle.dim(`embedded on ${ran} in ${floats}`));
    }
    const entry = options.json ? checkEntry(event) : undefined;
    const lines = options.json ? (entry ? [JSON.stringify(entry)] : []) : checkLines(event, terminal.style);
    await printUnlessAborted(lines, terminal);
  }
  signal.throwIfAborted();
  terminal.clearStatus();
  return "ok";
}

/** @throws UsageError `usage/no-effect` for one of both options without the other */
function fixesOf({ apply, to }: CheckCliOptions): { readonly fixes: string; readonly to: string } {
  if (apply !== undefined && to !== undefined) return { fixes: apply, to };
  const [given, missing] = apply === undefined ? ["--to", "--apply"] : ["--apply", "--to"];
  throw new UsageError(
    "usage/no-effect",
    `${given} needs ${missing}: --apply fixes.csv --to FOLDER makes a cleaned copy.`,
  );
}

const hasModel = ({ model, weights }: CheckCliOptions): boolean =>
  model !== undefined || weights !== undefined;

/** @throws UsageError `usage/no-effect` for what a model would run on, without a model */
function refuseWithoutModel(options: CheckCliOptions): void {
  const { engine, precision, device } = options;
  if (hasModel(options)) return;
  const given = {
    "--engine": engine,
    "--precision": precision,
    "--device": device === "cpu" ? undefined : device,
  };
  const [asked] = Object.entries(given).find(([, value]) => value !== undefined) ?? [];
  if (asked === undefined) return;
  throw new UsageError(
    "usage/no-effect",
    `${asked}: no effect without a model, whose embeddings it is for; name one (-m, -w), or leave it out.`,
  );
}

async function openedModel(options: CheckCliOptions, terminal: Terminal): Promise<ModelSource | undefined> {
  if (!hasModel(options)) return undefined;
  return openModel(modelName(options), modelSettings(options, terminal));
}
