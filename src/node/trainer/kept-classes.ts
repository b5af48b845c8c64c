import { imagenetClasses } from "../../data/index.ts";
import type { ModelDescription } from "../../nn/index.ts";

/**
 * The labels of a data set in the order of a model's logits when both have the same classes, so that the classifier
 * goes on as it is; undefined when it is to be replaced.
 */
export function keptClasses(
  { classes }: Pick<ModelDescription, "classes">,
  labels: readonly string[] | undefined,
): readonly string[] | undefined {
  const own = classes === "imagenet-1k" ? imagenetClasses.map(({ wnid }) => wnid) : classes;
  const wanted = new Set(labels);
  const same = own.length > 0 && own.length === wanted.size && own.every((name) => wanted.has(name));
  return same ? own : undefined;
}
