import { baseName, type StorageFor } from "../../core/storage/index.ts";
import { isOnnxPath, isWeightsPath } from "../../predict/index.ts";
import { weightsFile } from "../../weights/index.ts";
import type { SemiSettings } from "./settings.ts";

/** Settings that name images, and other files that are no models. */
const ofFiles: ReadonlySet<string> = new Set([
  "labelled",
  "unlabelled",
  "validation",
  "test",
  "weak",
  "labels",
  "labelsFile",
] satisfies (keyof SemiSettings)[]);

/** Settings that name a model, or the file of one. */
const ofModels: ReadonlySet<string> = new Set(["teacher", "student"] satisfies (keyof SemiSettings)[]);

/** A path that holds from any folder; addresses with a scheme, such as `https:`, do so already. */
export const absolutePath = (storageFor: StorageFor, path: string): string =>
  /^[a-z][a-z\d+.-]+:/i.test(path) ? path : storageFor(path).resolve(path);

/** The name of a model, or the absolute path of its file. */
export const absoluteModel = (storageFor: StorageFor, model: string): string =>
  isWeightsPath(model) || isOnnxPath(model) ? absolutePath(storageFor, model) : model;

/**
 * The same settings with absolute paths, those of variants and sweeps too: what is written of them holds from any folder. The
 * folder of a run or of a model gives way to its file of weights.
 *
 * @throws DataError `data/not-found` for a folder without weights
 */
export async function withAbsolutePaths(
  settings: SemiSettings,
  storageFor: StorageFor,
): Promise<SemiSettings> {
  const changed = async (key: string, value: unknown): Promise<unknown> => {
    if (Array.isArray(value)) return Promise.all(value.map((one) => changed(key, one)));
    if (typeof value !== "string") return value;
    if (ofFiles.has(key)) return absolutePath(storageFor, value);
    if (!ofModels.has(key)) return value;
    const model = absoluteModel(storageFor, value);
    return isWeightsPath(model) ? weightsFile(storageFor, model) : model;
  };
  const all = async <Values extends object>(values: Values): Promise<Values> => {
    const entries = Object.entries(values).map(async ([key, value]) => [key, await changed(key, value)]);
    return Object.fromEntries(await Promise.all(entries)) as Values;
  };
  const variants = Object.entries(settings.variants).map(async ([name, values]) => [name, await all(values)]);
  return {
    ...(await all(settings)),
    sweep: await all(settings.sweep),
    variants: Object.fromEntries(await Promise.all(variants)) as SemiSettings["variants"],
  };
}

/** What reports and descriptions call images: where they lie on somebody's disk is not for all who read them. */
export const nameOfPaths = (paths: readonly string[]): string => paths.map(baseName).join(" ");
