import { UsageError } from "../../core/index.ts";
import { resolveSettings } from "../settings/resolve-settings.ts";
import type { SemiSettings } from "../settings/settings.ts";
import { planStages, type PlaceStage } from "./plan-stages.ts";
import type { Stage } from "./stage.ts";

/** The settings as they are or a variant of them, with one seed. */
export interface RunSettings {
  /** Undefined for the settings as they are. */
  readonly variant: string | undefined;
  readonly settings: SemiSettings;
  /** What differs in the variant. */
  readonly changes?: Readonly<Record<string, unknown>> | undefined;
}

/** One pass through the pipeline. */
export interface PlannedRun extends RunSettings {
  readonly stages: readonly Stage[];
}

/** The settings of all runs of a study: for each seed the settings as they are and their variants. */
export function runsOf(settings: SemiSettings): readonly RunSettings[] {
  const variants = variantsOf(settings);
  return Array.from({ length: settings.seeds }, (_, index) => settings.seed + index).flatMap((seed) => [
    { variant: undefined, settings: { ...settings, seed } },
    ...variants.map(({ name, settings: changed, changes }) => ({
      variant: name,
      settings: { ...changed, seed },
      changes,
    })),
  ]);
}

/**
 * All runs of a study with their stages. What variants have in common with the settings as they are is done once.
 *
 * @param runs Those of the settings, with a method each.
 */
export function planRuns(
  settings: SemiSettings,
  runs: readonly RunSettings[] = runsOf(settings),
): readonly PlannedRun[] {
  let base: readonly Stage[] = [];
  return runs.map(({ variant, settings: own }) => {
    // The first seed stands where a run of one seed does, which further seeds go on from.
    const prefix = own.seed === settings.seed ? "" : `seed-${own.seed}/`;
    if (variant !== undefined) {
      return { variant, settings: own, stages: planStages(own, besideBase(base, prefix, variant)) };
    }
    base = planStages(own, ({ folder }) => prefix + folder);
    return { variant, settings: own, stages: base };
  });
}

/** The stages of a variant that its settings do not touch are the base's, the rest stands below `variants`. */
function besideBase(base: readonly Stage[], prefix: string, variant: string): PlaceStage {
  const standing = new Map(base.map((stage) => [stage.folder, JSON.stringify(stage)]));
  return (stage) => {
    const folder = prefix + stage.folder;
    // One that needs a stage of the variant differs from the base's by the folder of that.
    const isShared =
      stage.kind !== "measure" && standing.get(folder) === JSON.stringify({ ...stage, folder });
    return isShared ? folder : `${prefix}variants/${variant}/${stage.folder}`;
  };
}

/** Settings that a variant has in common with the settings as they are. */
const ofStudy: ReadonlySet<string> = new Set(["seed", "seeds", "sweep", "variants"]);

/** The variants by name, those of the sweep first. */
function variantsOf(
  settings: SemiSettings,
): readonly (Required<Pick<RunSettings, "settings" | "changes">> & { readonly name: string })[] {
  const changed = (name: string, values: Readonly<Record<string, unknown>>): SemiSettings =>
    resolveSettings(
      [
        { name: "the settings", values: { ...settings } },
        { name: `variant ${name}`, values },
      ],
      { isVariant: true },
    );
  const fixed = [settings.sweep, ...Object.values(settings.variants)]
    .flatMap((values) => Object.keys(values))
    .find((key) => ofStudy.has(key));
  if (fixed !== undefined) {
    throw new UsageError("semi/settings", `A variant cannot have ${fixed} of its own; take it out.`);
  }
  const swept = Object.entries(settings.sweep).flatMap(([key, values]) =>
    values.map((value) => [variantName({ key, value }), { [key]: value }] as const),
  );
  const all = [...swept, ...Object.entries(settings.variants)];
  const names = all.map(([name]) => name);
  const long = names.find((name) => name.length > longestName);
  if (long !== undefined) {
    throw new UsageError(
      "semi/settings",
      `${long.slice(0, 40)}…: too long for a folder's name; take it out of the sweep, and give it a name of its own under variants.`,
    );
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new UsageError("semi/settings", `There are two variants ${twice}; give one of them another name.`);
  }
  return all.map(([name, changes]) => ({ name, settings: changed(name, changes), changes }));
}

const longestName = 200;

/** A setting that differs in a variant of a sweep. */
interface SweptValue {
  readonly key: string;
  readonly value: unknown;
}

/** The name of a variant of a sweep: `k-500`. */
export function variantName({ key, value }: SweptValue): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return `${key}-${text.replaceAll(/[^\w.]+/g, "-").replaceAll(/^-|-$/g, "")}`;
}
