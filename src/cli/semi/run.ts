import { isRank } from "../../cluster/mpi/is-rank.ts";
import { printable, UsageError } from "../../core/index.ts";
import { nodeStorageFor } from "../../node/files/file-storage.ts";
import { runSemi } from "../../node/semi.ts";
import type { SemiEvent } from "../../semi/events.ts";
import { parseSettings, type SettingsLayer } from "../../semi/settings/resolve-settings.ts";
import { semiKeys, type RecipeChoice } from "../../semi/settings/settings.ts";
import { defaultRecipe } from "../../train/recipe/recipe.ts";
import { parseRecipe } from "../../train/recipe/resolve-recipe.ts";
import { weightsNotices } from "../open-model.ts";
import type { Outcome } from "../options/command.ts";
import { givenValues } from "../options/field-option.ts";
import { readText } from "../options/input-output-options.ts";
import { partOf } from "../options/part.ts";
import { printUnlessAborted, type Terminal } from "../output/terminal.ts";
import { withQueue } from "../queue/with-queue.ts";
import { problemLines } from "../train/view.ts";
import { withRanks } from "../train/with-ranks.ts";
import { trains, type SemiOptions, type WantedStages } from "./options.ts";
import { fewEpochs, semiEntry, semiLines, semiProgress } from "./view.ts";

/** Does stages of the semi-supervised pipeline, for one seed or several, as they are or with variants. */
export async function semi(
  wanted: WantedStages,
  file: string | undefined,
  options: SemiOptions,
  terminal: Terminal,
): Promise<Outcome> {
  if (!wanted.withVariants) refuseVariants(options);
  const part = partOf(options.part);
  if (isRank() && !trains(wanted)) throw notOnRanks();
  return withRanks({ ...options, goOn: "give the same command again" }, terminal, (ranks, shown) =>
    withQueue(options, shown, async (queue) => {
      const { out, engine, precision, device, threads, workers } = options;
      // A rank that was told to stop is heard while the first one scores, too.
      const signal = ranks ? AbortSignal.any([shown.signal, ranks.stopAsked]) : shown.signal;
      const events = runSemi({
        settings: await settingsLayers(file, options),
        out,
        ...wanted,
        engine,
        precision,
        part,
        queue,
        ranks,
        device,
        threads,
        workers,
        onNotice: weightsNotices(shown),
        signal,
      });
      return showRun(events, options, { ...shown, signal });
    }),
  );
}

/** Prints the events of a run, and draws its progress. */
async function showRun(
  events: AsyncIterable<SemiEvent>,
  { json }: SemiOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const progress = semiProgress(terminal);
  const isShown = fewEpochs();
  const lines = semiLines(terminal.style);
  let outcome: Outcome = "ok";
  for await (const event of events) {
    progress(event);
    notice(event, terminal);
    if (event.type === "shard-failed") outcome = "failed";
    if (json) await printUnlessAborted([JSON.stringify(semiEntry(event))], terminal);
    else if (isShown(event)) await printUnlessAborted(lines(event), terminal);
  }
  terminal.signal.throwIfAborted();
  terminal.clearStatus();
  return outcome;
}

function notOnRanks(): UsageError {
  return new UsageError(
    "train/ranks",
    "Nothing is trained by this command, and this is one of several ranks: start it without mpirun. Shards are scored by many machines with --part or --queue.",
  );
}

/** @throws UsageError `usage/no-effect` for variants that are asked of a command that does none. */
function refuseVariants(options: SemiOptions): void {
  const asked = (["sweep", "variants"] as const).find((name) => options[name] !== undefined);
  if (asked === undefined) return;
  throw new UsageError(
    "usage/no-effect",
    `--${asked}: no effect in this command, which does the settings as they are. Give semi sweep, which tries the others too.`,
  );
}

/** What a file, or the run in the folder, says; above it the flags. */
async function settingsLayers(
  file: string | undefined,
  { out, ...options }: SemiOptions,
): Promise<readonly SettingsLayer[]> {
  const { model, teacher } = options;
  if (model !== undefined && teacher !== undefined && model !== teacher) {
    throw new UsageError(
      "usage/model",
      `--model ${model} and --teacher ${teacher} are the same option; give one.`,
    );
  }
  const given = { ...options, teacher: teacher ?? model };
  const flags = givenValues(given, semiKeys);
  const storage = nodeStorageFor(out);
  const own = storage.join(out, "semi.yaml");
  const path = file ?? ((await storage.stat(own).catch(() => undefined)) ? own : undefined);
  const layers = [
    ...(path === undefined ? [] : [parseSettings(await readText(path), path)]),
    { name: "the command line", values: flags },
  ];
  return Promise.all(layers.map(withRecipeFiles));
}

/** Reads the recipes that are files. */
async function withRecipeFiles({ name, values }: SettingsLayer): Promise<SettingsLayer> {
  return { name, values: await eachValue(values, valueOf) };
}

type Values = Readonly<Record<string, unknown>>;

/** A value of a setting, the recipes in it being read. */
async function valueOf(value: unknown, key: string): Promise<unknown> {
  if (key === "variants" && isValues(value)) {
    return eachValue(value, (variant) => (isValues(variant) ? eachValue(variant, recipeOf) : variant));
  }
  if (key === "sweep" && isValues(value)) {
    return eachValue(value, (swept, name) =>
      Array.isArray(swept) ? Promise.all(swept.map((one) => recipeOf(one, name))) : swept,
    );
  }
  return recipeOf(value, key);
}

const isValues = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);

async function eachValue(values: Values, change: (value: unknown, key: string) => unknown): Promise<Values> {
  const changed = await Promise.all(
    Object.entries(values).map(async ([key, value]) => [key, await change(value, key)] as const),
  );
  return Object.fromEntries(changed);
}

async function recipeOf(value: unknown, key: string): Promise<unknown> {
  if (!key.endsWith("Recipe")) return value;
  const { base, ...rest }: RecipeChoice | { readonly base: string } = isValues(value)
    ? value
    : { base: value as string };
  if (typeof base !== "string" || !/\.ya?ml$/i.test(base)) return value;
  return { base: defaultRecipe, ...parseRecipe(await readText(base), base).values, ...rest };
}

/** Says what those should know who do not read the results. */
function notice(event: SemiEvent, terminal: Terminal): void {
  if (event.type === "waiting") terminal.notice(`waiting: another process works in ${event.folder}`);
  if (event.type === "problems") for (const line of problemLines(event)) terminal.notice(line);
  if (event.type === "shard-failed") {
    terminal.notice(`${terminal.noticeStyle.failure("failed:")} ${event.shard}: ${printable(event.reason)}`);
  }
  if (event.type === "warning") terminal.notice(`warning: ${event.stage}: ${event.message}`);
  if (event.type === "stopped") {
    terminal.notice(
      `stopped in stage ${event.stage}; what stands is kept. To go on, give the same command again.`,
    );
  }
}
