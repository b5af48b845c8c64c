import { DataError } from "../../core/index.ts";

/** A class of ILSVRC2012. */
export interface ImagenetClass {
  /** Position of its logit. */
  readonly index: number;
  /** WordNet id, which is the folder's name in ImageNet: "n01440764". */
  readonly wnid: string;
  /** First lemma: "tench". Two names stand twice: crane (134, 517) and maillot (638, 639). */
  readonly label: string;
  /** All lemmas of the synset: ["tench", "Tinca tinca"]. */
  readonly lemmas: readonly string[];
}

/** The 1000 classes of ImageNet in the order of the models' logits; what has other classes does not load them. */
export async function imagenetClasses(): Promise<readonly ImagenetClass[]> {
  const { classTable } = await import("./classes.generated.ts");
  return classTable.split("\n").map((line, index) => {
    const lemmas = line.slice(10).split(", ");
    return { index, wnid: line.slice(0, 9), label: lemmas[0]!, lemmas };
  });
}

/** The class with this WordNet id; undefined when it is none of the 1000. */
export async function imagenetClass(wnid: string): Promise<ImagenetClass | undefined> {
  return (await imagenetClasses()).find((entry) => entry.wnid === wnid);
}

/** Class subsets that a variant of ImageNet's validation set covers. */
export type ImagenetSubset = "a" | "r";

const subsets: Readonly<Record<ImagenetSubset, readonly number[]>> = {
  // Natural adversarial examples (Hendrycks et al., 2021).
  a: [
    6, 11, 13, 15, 17, 22, 23, 27, 30, 37, 39, 42, 47, 50, 57, 70, 71, 76, 79, 89, 90, 94, 96, 97, 99, 105,
    107, 108, 110, 113, 124, 125, 130, 132, 143, 144, 150, 151, 207, 234, 235, 254, 277, 283, 287, 291, 295,
    298, 301, 306, 307, 308, 309, 310, 311, 313, 314, 315, 317, 319, 323, 324, 326, 327, 330, 334, 335, 336,
    347, 361, 363, 372, 378, 386, 397, 400, 401, 402, 404, 407, 411, 416, 417, 420, 425, 428, 430, 437, 438,
    445, 456, 457, 461, 462, 470, 472, 483, 486, 488, 492, 496, 514, 516, 528, 530, 539, 542, 543, 549, 552,
    557, 561, 562, 569, 572, 573, 575, 579, 589, 606, 607, 609, 614, 626, 627, 640, 641, 642, 643, 658, 668,
    677, 682, 684, 687, 701, 704, 719, 736, 746, 749, 752, 758, 763, 765, 768, 773, 774, 776, 779, 780, 786,
    792, 797, 802, 803, 804, 813, 815, 820, 823, 831, 833, 835, 839, 845, 847, 850, 859, 862, 870, 879, 880,
    888, 890, 897, 900, 907, 913, 924, 932, 933, 934, 937, 943, 945, 947, 951, 954, 956, 957, 959, 971, 972,
    980, 981, 984, 986, 987, 988,
  ],
  // Renditions (Hendrycks et al., 2021).
  r: [
    1, 2, 4, 6, 8, 9, 11, 13, 22, 23, 26, 29, 31, 39, 47, 63, 71, 76, 79, 84, 90, 94, 96, 97, 99, 100, 105,
    107, 113, 122, 125, 130, 132, 144, 145, 147, 148, 150, 151, 155, 160, 161, 162, 163, 171, 172, 178, 187,
    195, 199, 203, 207, 208, 219, 231, 232, 234, 235, 242, 245, 247, 250, 251, 254, 259, 260, 263, 265, 267,
    269, 276, 277, 281, 288, 289, 291, 292, 293, 296, 299, 301, 308, 309, 310, 311, 314, 315, 319, 323, 327,
    330, 334, 335, 337, 338, 340, 341, 344, 347, 353, 355, 361, 362, 365, 366, 367, 368, 372, 388, 390, 393,
    397, 401, 407, 413, 414, 425, 428, 430, 435, 437, 441, 447, 448, 457, 462, 463, 469, 470, 471, 472, 476,
    483, 487, 515, 546, 555, 558, 570, 579, 583, 587, 593, 594, 596, 609, 613, 617, 621, 629, 637, 657, 658,
    701, 717, 724, 763, 768, 774, 776, 779, 780, 787, 805, 812, 815, 820, 824, 833, 847, 852, 866, 875, 883,
    889, 895, 907, 928, 931, 932, 933, 934, 936, 937, 943, 945, 947, 948, 949, 951, 953, 954, 957, 963, 965,
    967, 980, 981, 983, 988,
  ],
};

/** Indices of the 200 classes of ImageNet-A or ImageNet-R among the 1000, ascending. */
export function imagenetSubset(name: ImagenetSubset): readonly number[] {
  return subsets[name];
}

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
