import { DataError } from "../../core/index.ts";

/**
 * The reassessed labels of ImageNet's validation set ("Are we done with ImageNet?", arXiv 2006.07159).
 *
 * An image may have several right classes, or none: those without are left out of the score.
 */
export interface RealLabels {
  /** Right classes of an image by its file name; undefined when the file is not of the validation set. */
  of(fileName: string): readonly number[] | undefined;
}

const validationFile = /ILSVRC2012_val_(\d{8})\.\w+$/i;

/**
 * Reads `real.json`: a list with one list of class indices per image, in the order of
 * `ILSVRC2012_val_00000001.JPEG` onwards.
 *
 * @throws DataError `data/real-labels` when the text is not such a list.
 */
export function parseRealLabels(json: string, name = "real.json"): RealLabels {
  const lists = parse(json, name);
  return {
    of(fileName) {
      const match = validationFile.exec(fileName);
      return match ? lists[Number(match[1]) - 1] : undefined;
    },
  };
}

function parse(json: string, name: string): readonly (readonly number[])[] {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new DataError("data/real-labels", `${name}: expected JSON, but it does not parse.`, { cause });
  }
  if (Array.isArray(value) && value.every((list) => Array.isArray(list) && list.every(isClassIndex))) {
    return value as readonly (readonly number[])[];
  }
  throw new DataError(
    "data/real-labels",
    `${name}: expected a list with one list of class indices per validation image, as in the real.json of the ReaL labels.`,
  );
}

const isClassIndex = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0;
