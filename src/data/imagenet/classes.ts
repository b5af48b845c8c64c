import { classTable } from "./classes.generated.ts";

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

/** The 1000 classes of ImageNet in the order of the models' logits. */
export const imagenetClasses: readonly ImagenetClass[] = classTable.split("\n").map((line, index) => {
  const lemmas = line.slice(10).split(", ");
  return { index, wnid: line.slice(0, 9), label: lemmas[0]!, lemmas };
});

const byWnid = new Map(imagenetClasses.map((entry) => [entry.wnid, entry]));

/** The class with this WordNet id; undefined when it is none of the 1000. */
export function imagenetClass(wnid: string): ImagenetClass | undefined {
  return byWnid.get(wnid);
}
