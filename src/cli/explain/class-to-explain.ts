import { DataError, nearestNames, UsageError } from "../../core/index.ts";
import { mapClasses } from "../../data/index.ts";
import { classesOf, type Model } from "../../predict/index.ts";

/**
 * The index of the class that `--explain-class` names: by name, WordNet id or index.
 *
 * @throws UsageError `usage/unknown-class` with the nearest names.
 */
export function classToExplain(asked: string, { classes, description }: Model): number {
  try {
    return mapClasses([asked], classesOf(description)).get(asked)!;
  } catch (cause) {
    if (!(cause instanceof DataError)) throw cause;
    const nearest = nearestNames(asked, classes).slice(0, 3).join(", ");
    throw new UsageError(
      "usage/unknown-class",
      `--explain-class: ${description.name} has no class "${asked}"; expected a name such as ${nearest}, ` +
        `or an index from 0 to ${classes.length - 1}.`,
      { cause },
    );
  }
}
