import { imagenetClasses, type ModelClasses } from "../data/index.ts";
import type { ModelDescription } from "../nn/index.ts";

/** Class names in the order of the logits; `class 7` where the model does not know them. */
export function classNames(description: ModelDescription): readonly string[] {
  return classesOf(description).map((entry) => (typeof entry === "string" ? entry : entry.label));
}

/** A model's classes as data sets may spell them. */
export function classesOf({ classes, config }: ModelDescription): ModelClasses {
  if (classes === "imagenet-1k") return imagenetClasses;
  return classes.length > 0 ? classes : Array.from({ length: config.numClasses }, (_, i) => `class ${i}`);
}
