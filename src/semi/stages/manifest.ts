import * as z from "zod";
import { DataError } from "../../core/index.ts";
import { readText, writeText, type Storage } from "../../core/storage/index.ts";
import { recipeFields, recipeKeys } from "../../train/index.ts";
import { stageKinds, type StageKind } from "../plan/stage.ts";

/** What a stage was made from, and what came of it; stands in the stage's folder. */
export interface Manifest {
  readonly format: 1;
  readonly stage: StageKind;
  /** `running` until all files of the stage stand. */
  readonly status: "running" | "done";
  readonly software: string;
  /** The settings that decided what came out. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** SHA-256 of everything that was read, by name. */
  readonly inputs: Readonly<Record<string, string>>;
  /** SHA-256 of what later stages read, by file. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly counts: Readonly<Record<string, number>>;
  /** Time that the stage took, all processes that worked at it together. */
  readonly seconds: number;
}

const hashes = z.record(z.string(), z.string());

export const manifestSchema: z.ZodType<Manifest> = z.strictObject({
  format: z.literal(1),
  stage: z.enum(stageKinds),
  status: z.enum(["running", "done"]),
  software: z.string(),
  settings: z.record(z.string(), z.unknown()),
  inputs: hashes,
  outputs: hashes,
  counts: z.record(z.string(), z.number()),
  seconds: z.number(),
});

/** File in the folder of a stage. */
export const manifestName = "manifest.json";

/**
 * The manifest in the folder of a stage, if there is one.
 *
 * @throws DataError `semi/manifest` when it is none that this version reads.
 */
export async function readManifest(storage: Storage, folder: string): Promise<Manifest | undefined> {
  const path = storage.join(folder, manifestName);
  if (!(await storage.stat(path))) return undefined;
  const text = await readText(storage, path);
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new DataError(
      "semi/manifest",
      `${path}: expected the manifest of a stage; it is damaged, or of another version. Delete ${folder} to compute it anew.`,
      { cause },
    );
  }
}

/** Replaces the manifest in one go; makes the folder first where it is missing. */
export async function writeManifest(storage: Storage, folder: string, manifest: Manifest): Promise<void> {
  await storage.makeFolder(folder);
  await writeText(storage, storage.join(folder, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** What decides the result of a stage. */
export type Origin = Pick<Manifest, "settings" | "inputs">;

/** Values that decide when something is saved, and not what comes out. */
const free: ReadonlySet<string> = new Set(["recipe.saveMinutes", "recipe.checkpointEvery"]);

/**
 * Whether a value of a recipe is left out as it has no effect; then it had none before either, or another value, which
 * decides on that, differs too. Earlier versions recorded all.
 */
const isIdle = (name: string, after: string | undefined): boolean =>
  name.startsWith("recipe.") && after === undefined;

/** Default of each value of a recipe, as JSON. */
const recipeDefaults: ReadonlyMap<string, string> = new Map(
  recipeKeys.map((key) => [`recipe.${key}`, JSON.stringify(recipeFields[key].schema.parse(undefined))]),
);

/** A value that came into recipes after the files were made: what they were made with is its default. */
const isLaterDefault = ({ name, before, after }: Difference): boolean =>
  before === undefined && after !== undefined && after === recipeDefaults.get(name);

/** What differs between the origin of files that stand and that of those that are wanted, each as a phrase. */
export function changesOf(standing: Origin, wanted: Origin): readonly string[] {
  return [
    ...differences(flattened(standing.settings), flattened(wanted.settings))
      .filter(
        ({ name, before, after }) =>
          !free.has(name) && !isIdle(name, after) && !isLaterDefault({ name, before, after }),
      )
      .map(({ name, before, after }) => `${name} ${before ?? "unset"} -> ${after ?? "unset"}`),
    ...differences(new Map(Object.entries(standing.inputs)), new Map(Object.entries(wanted.inputs))).map(
      ({ name, before, after }) =>
        before === undefined
          ? `${name} is new`
          : after === undefined
            ? `${name} is gone`
            : `${name} has changed`,
    ),
  ];
}

interface Difference {
  readonly name: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

function differences(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly Difference[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .map((name) => ({ name, before: before.get(name), after: after.get(name) }))
    .filter((difference) => difference.before !== difference.after);
}

/** Values by dotted path, as JSON. */
function flattened(value: unknown, path = ""): ReadonlyMap<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return new Map([[path, JSON.stringify(value)]]);
  }
  return new Map(
    Object.entries(value).flatMap(([name, inner]) => [
      ...flattened(inner, path === "" ? name : `${path}.${name}`),
    ]),
  );
}
