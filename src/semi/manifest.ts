import * as z from "zod";

/** What a stage was made from, and what came of it; stands in the stage's folder. */
export interface Manifest {
  readonly format: 1;
  readonly stage: string;
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
  stage: z.string(),
  status: z.enum(["running", "done"]),
  software: z.string(),
  settings: z.record(z.string(), z.unknown()),
  inputs: hashes,
  outputs: hashes,
  counts: z.record(z.string(), z.number()),
  seconds: z.number(),
});

/** What decides the result of a stage. */
export type Origin = Pick<Manifest, "settings" | "inputs">;

/** Values that decide when something is saved, and not what comes out. */
const free: ReadonlySet<string> = new Set(["recipe.saveMinutes", "recipe.checkpointEvery"]);

/** What differs between the origin of files that stand and that of those that are wanted, each as a phrase. */
export function changesOf(standing: Origin, wanted: Origin): readonly string[] {
  return [
    ...differences(flattened(standing.settings), flattened(wanted.settings))
      .filter(({ name }) => !free.has(name))
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
