import { baseName, type StorageFor } from "../../core/storage/index.ts";
import { isOnnxPath, isWeightsPath } from "../../predict/index.ts";
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

/** The same settings with absolute paths, those of variants and sweeps too: what is written of them holds from any folder. */
export function withAbsolutePaths(settings: SemiSettings, storageFor: StorageFor): SemiSettings {
  const changed = (key: string, value: unknown): unknown => {
    if (Array.isArray(value)) return value.map((one) => changed(key, one));
    if (typeof value !== "string") return value;
    if (ofFiles.has(key)) return absolutePath(storageFor, value);
    return ofModels.has(key) ? absoluteModel(storageFor, value) : value;
  };
  const all = <Values extends object>(values: Values): Values =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key, changed(key, value)])) as Values;
  const variants = Object.entries(settings.variants).map(([name, values]) => [name, all(values)]);
  return { ...all(settings), sweep: all(settings.sweep), variants: Object.fromEntries(variants) };
}

/** What reports and descriptions call images: where they lie on somebody's disk is not for all who read them. */
export const nameOfPaths = (paths: readonly string[]): string => paths.map(baseName).join(" ");
