import { DataError } from "../core/index.ts";
import type { ImagenetClass } from "./imagenet/classes.ts";

/** Classes of a model in the order of its logits: their names, or ImageNet's with ids and lemmas. */
export type ModelClasses = readonly string[] | readonly ImagenetClass[];

/** The names in a text with one a line. */
export function linesOf(text: string): readonly string[] {
  const lines = text.split(/\r?\n/);
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}

/** What the error says of labels that do not fit. */
export interface MappedLabels {
  /** The data that have the labels: "test images (test, --test) photos/test"; left out where the command has a single one. */
  readonly what?: string;
  /** Whose the classes are. @default "the model" */
  readonly owner?: string;
  /** What to do. @default to check the folder, or to name the model's classes by `--labels` */
  readonly remedy?: string;
}

const ofModel =
  "Take the folder of the class folders, or name the model's classes in order, one a line (--labels FILE, classes).";

/** Names that an error lists, of the classes and of the labels that are none. */
const most = 20;

/** Indices that each spelling may stand for. */
type Spellings = ReadonlyMap<string, readonly number[]>;

/**
 * Finds the class index of each label of a data set.
 *
 * One scheme has to fit all labels: names (a first lemma goes before a later one), WordNet ids, or indices, tried in this
 * order. A name is compared exactly first, and with case and "_" for " " aside only where exactly nothing fits: `A` and `a`
 * are classes of their own. Where the labels differ in these alone, each needs a class that is called exactly so.
 *
 * @throws DataError `data/class-mismatch` that lists what does not match
 */
export function mapClasses(
  labels: Iterable<string>,
  classes: ModelClasses,
  about: MappedLabels = {},
): ReadonlyMap<string, number> {
  const wanted = [...new Set(labels)];
  const attempts = [names(classes, wanted), wordNetIds(classes), indices(classes)].map((scheme) =>
    match(wanted, scheme),
  );
  const best = attempts.reduce((a, b) => (b.failures.length < a.failures.length ? b : a));
  if (best.failures.length > 0) throw mismatch(best.failures, wanted.length, classes, about);
  return best.found;
}

type Scheme = (label: string) => readonly number[];

function match(
  labels: readonly string[],
  scheme: Scheme,
): { found: Map<string, number>; failures: string[] } {
  const found = new Map<string, number>();
  const failures: string[] = [];
  for (const label of labels) {
    const [index, ...others] = scheme(label);
    if (index === undefined) failures.push(label);
    else if (others.length > 0) failures.push(`${label} (may be ${[index, ...others].join(" or ")})`);
    else found.set(label, index);
  }
  return { found, failures };
}

function wordNetIds(classes: ModelClasses): Scheme {
  const spellings = collect(classes, (entry) => (typeof entry === "string" ? [] : [entry.wnid]));
  return (label) => spellings.get(label) ?? [];
}

function names(classes: ModelClasses, labels: readonly string[]): Scheme {
  const exactly = spelled(classes, (name) => name);
  const loosely = spelled(classes, spelling);
  const alike = new Map<string, number>();
  for (const label of labels) alike.set(spelling(label), (alike.get(spelling(label)) ?? 0) + 1);
  return (label) => {
    const exact = exactly(label);
    return exact.length > 0 || alike.get(spelling(label))! > 1 ? exact : loosely(label);
  };
}

/** Names in one spelling: first lemmas, whole synsets, any lemma. */
function spelled(classes: ModelClasses, spell: (name: string) => string): Scheme {
  const first = collect(classes, (entry) => [spell(typeof entry === "string" ? entry : entry.label)]);
  const whole = collect(classes, (entry) =>
    typeof entry === "string" ? [] : [spell(entry.lemmas.join(", "))],
  );
  const any = collect(classes, (entry) => (typeof entry === "string" ? [] : entry.lemmas.map(spell)));
  return (label) => {
    const key = spell(label);
    return first.get(key) ?? whole.get(key) ?? any.get(key) ?? [];
  };
}

function indices(classes: ModelClasses): Scheme {
  return (label) => {
    const index = /^\d{1,9}$/.test(label) ? Number(label) : Number.NaN;
    return index < classes.length ? [index] : [];
  };
}

function collect(
  classes: ModelClasses,
  spell: (entry: string | ImagenetClass) => readonly string[],
): Spellings {
  const spellings = new Map<string, number[]>();
  for (const [index, entry] of classes.entries()) {
    for (const name of new Set(spell(entry))) spellings.set(name, [...(spellings.get(name) ?? []), index]);
  }
  return spellings;
}

const spelling = (name: string): string => name.trim().toLowerCase().replaceAll("_", " ");

function mismatch(
  failures: readonly string[],
  labels: number,
  classes: ModelClasses,
  { what, owner = "the model", remedy = ofModel }: MappedLabels,
): DataError {
  const first = (some: readonly string[]): string =>
    some.slice(0, most).join(", ") + (some.length > most ? ", ..." : "");
  const all = classes.map((entry) => (typeof entry === "string" ? entry : entry.wnid));
  const by = typeof classes[0] === "string" ? "name" : "WordNet id, name";
  return new DataError(
    "data/class-mismatch",
    `${what === undefined ? "" : `${what}: `}expected labels that name the ${classes.length} classes of ${owner} (${first(all)}) by ${by} or index; ${failures.length} of ${labels} do not: ${first(failures)}. ${remedy}`,
  );
}
