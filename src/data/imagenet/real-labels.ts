import { DataError } from "../../core/index.ts";

/** The reassessed labels of ImageNet's validation set ("Are we done with ImageNet?", Beyer et al., 2020). */
export interface RealLabels {
  /** Number of images. */
  readonly size: number;
  /**
   * Classes that count as right for an image, by its id `[...]ILSVRC2012_val_00000001[.JPEG]`.
   * Empty where the annotators agreed on none: such images are left out of the accuracy.
   *
   * @throws DataError when the id is not one of the validation set
   */
  labelsOf(id: string): readonly number[];
}

/**
 * Reads `real.json`: a list, in the order of the validation images, of lists of class indices.
 *
 * @throws DataError when the text is anything else
 */
export function parseRealLabels(text: string, name: string): RealLabels {
  const lists = parseLists(text, name);
  return {
    size: lists.length,
    labelsOf(id) {
      const number = /(?:^|[/\\])ILSVRC2012_val_(\d{8})(?:\.\w+)?$/.exec(id)?.[1];
      const labels = number === undefined ? undefined : lists[Number(number) - 1];
      if (labels === undefined) {
        throw new DataError(
          "data/real-id",
          `${name}: expected an image named ILSVRC2012_val_00000001 to ${String(lists.length).padStart(8, "0")}, got ${id}. ReaL labels belong to ImageNet's validation set with its original file names.`,
        );
      }
      return labels;
    },
  };
}

function parseLists(text: string, name: string): readonly (readonly number[])[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DataError("data/real-labels", `${name}: expected JSON, it cannot be parsed.`, { cause });
  }
  if (!Array.isArray(value)) {
    throw new DataError("data/real-labels", `${name}: expected a list of lists of class indices.`);
  }
  const lists: readonly unknown[] = value;
  const wrong = lists.findIndex((list) => !Array.isArray(list) || !list.every(isClassIndex));
  if (wrong >= 0) {
    throw new DataError(
      "data/real-labels",
      `${name}: entry ${wrong} is ${JSON.stringify(lists[wrong]).slice(0, 80)}, expected a list of class indices from 0 to 999.`,
    );
  }
  return lists as readonly (readonly number[])[];
}

const isClassIndex = (value: unknown): boolean =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) < 1000;
