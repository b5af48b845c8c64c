import { join } from "node:path";
import { access } from "node:fs/promises";
import { runSemi, type SemiEvent } from "../../node/semi/index.ts";
import { parseRecipe } from "../../train/recipe/index.ts";
import { parseSettings, semiKeys, type RecipeChoice, type SettingsLayer } from "../../semi/settings/index.ts";
import type { Outcome } from "../command.ts";
import type { SemiOptions, WantedStages } from "../commands/semi/semi-command.ts";
import { readText } from "../read-text.ts";
import { semiEntry } from "../semi/event-entry.ts";
import { semiLines } from "../semi/event-lines.ts";
import { semiProgress } from "../semi/progress.ts";
import type { Terminal } from "../terminal.ts";

/** Does stages of the semi-supervised pipeline, for one seed or several, as they are or with variants. */
export async function semi(
  wanted: WantedStages,
  file: string | undefined,
  options: SemiOptions,
  terminal: Terminal,
): Promise<Outcome> {
  const { out, device, threads, workers, exif } = options;
  const events = runSemi({
    settings: await settingsLayers(file, options),
    out,
    ...wanted,
    device,
    threads,
    workers,
    decode: { exifOrientation: exif },
    signal: terminal.signal,
  });
  const progress = semiProgress(terminal);
  for await (const event of events) {
    progress(event);
    await show(event, options, terminal);
  }
  terminal.signal.throwIfAborted();
  terminal.clearStatus();
  return "ok";
}

/** What a file, or the run in the folder, says; above it the flags. */
async function settingsLayers(
  file: string | undefined,
  { out, ...options }: SemiOptions,
): Promise<readonly SettingsLayer[]> {
  const flags = Object.fromEntries(
    semiKeys.map((key) => [key, options[key]]).filter(([, value]) => value !== undefined),
  );
  const own = join(out, "semi.yaml");
  const path = file ?? ((await exists(own)) ? own : undefined);
  const layers = [
    ...(path === undefined ? [] : [parseSettings(await readText(path), path)]),
    { name: "the command line", values: flags },
  ];
  return Promise.all(layers.map(withRecipeFiles));
}

/** Reads the recipes that are files. */
async function withRecipeFiles({ name, values }: SettingsLayer): Promise<SettingsLayer> {
  const read = await Promise.all(
    Object.entries(values).map(async ([key, value]) => [key, await recipeOf(key, value)] as const),
  );
  return { name, values: Object.fromEntries(read) };
}

async function recipeOf(key: string, value: unknown): Promise<unknown> {
  if (!key.endsWith("Recipe")) return value;
  const path = typeof value === "string" ? value : (value as RecipeChoice | null)?.base;
  if (typeof path !== "string" || !/\.ya?ml$/i.test(path)) return value;
  return parseRecipe(await readText(path), path).values;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Prints an event; after Ctrl-C nothing is printed, and the run ends by itself when it has saved its state. */
async function show(event: SemiEvent, { json }: SemiOptions, terminal: Terminal): Promise<void> {
  if (event.type === "warning") terminal.notice(`warning: ${event.stage}: ${event.message}`);
  if (event.type === "stopped") {
    terminal.notice(
      `stopped in stage ${event.stage}; what stands is kept. To go on, give the same command again.`,
    );
  }
  const lines = json ? [JSON.stringify(semiEntry(event))] : semiLines(event, terminal.style);
  if (lines.length === 0 || terminal.signal.aborted) return;
  try {
    await terminal.print(lines);
  } catch (error) {
    if (!terminal.signal.aborted) throw error;
  }
}
