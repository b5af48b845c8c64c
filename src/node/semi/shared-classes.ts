import type { ScoreFacts } from "../../semi/index.ts";

/** Facts of score files that hold one list of classes, instead of a copy for each of many files. */
export function sharedClasses(): (facts: ScoreFacts) => ScoreFacts {
  let shared: readonly string[] | undefined;
  return (facts) => {
    const { classes } = facts;
    shared ??= classes;
    const isSame =
      classes.length === shared.length && classes.every((name, index) => name === shared![index]);
    return isSame ? { ...facts, classes: shared } : facts;
  };
}
