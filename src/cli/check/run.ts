import { UsageError } from "../../core/index.ts";
import { applyFixes, checkImages } from "../../node/check.ts";
import { folderOnDisk } from "../../node/files/file-storage.ts";
import { openModel } from "../../node/library.ts";
import type { ModelSource } from "../../predict/open-model.ts";
import { modelName, modelSettings, weightsNotices } from "../open-model.ts";
import { longFlag, type CliOption, type Outcome } from "../options/command.ts";
import { labelledInputOptions } from "../options/input-output-options.ts";
import { printUnlessAborted, type Terminal } from "../output/terminal.ts";
import { checkCommand, type CheckCliOptions } from "./options.ts";
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
    refuseBeside(options);
    folderOnDisk(to);
    const copy = await applyFixes({ ...checked, fixes, to, signal });
    const lines = options.json
      ? [JSON.stringify({ type: "applied", ...copy })]
      : appliedLines(copy, terminal.style);
    await terminal.print(lines);
    return "ok";
  }
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
    const lines = options.json
      ? entry
        ? [JSON.stringify(entry)]
        : []
      : checkLines(event, checked, terminal.style);
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

/** @throws UsageError `usage/no-effect` for what only a check has a use for, beside a list of fixes */
function refuseBeside(options: CheckCliOptions): void {
  const unused = Object.entries<CliOption<unknown>>(checkCommand.options).find(
    ([name, { schema }]) =>
      !ofFixes.includes(name) && options[name as keyof CheckCliOptions] !== schema.parse(undefined),
  );
  if (unused === undefined) return;
  throw new UsageError(
    "usage/no-effect",
    `${longFlag(unused[1])}: no effect with --apply, which follows a list of fixes; leave it out.`,
  );
}

/** What says which images they are, and what to do with them. */
const ofFixes: readonly string[] = [
  ...(["apply", "to", "json", "unlabelled", "test", "validation"] satisfies (keyof CheckCliOptions)[]),
  ...Object.keys(labelledInputOptions),
];

const hasModel = ({ model, weights }: CheckCliOptions): boolean =>
  model !== undefined || weights !== undefined;

async function openedModel(options: CheckCliOptions, terminal: Terminal): Promise<ModelSource | undefined> {
  if (!hasModel(options)) return undefined;
  return openModel(modelName(options), {
    ...modelSettings(options, terminal),
    onNotice: weightsNotices(terminal, "averages"),
  });
}
