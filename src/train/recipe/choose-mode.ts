import type { ImageItem } from "../../data/index.ts";

/** Labelled images of a class from which training the whole network gained more than it forgot (docs/results.md). */
const fullFrom = { adapted: 100, given: 10 };

/** What the labels are to train, and why. */
export interface ChosenMode {
  /** The classifier alone, or after it the whole network. */
  readonly mode: "head" | "full";
  /** In words, as the end of a sentence. */
  readonly because: string;
}

/**
 * What the labels train where mode `auto` decides: the classifier alone while they are few. A network that was adapted to the
 * images has more to forget than one as it came, and less to learn (docs/semi.md).
 *
 * @param imagesOfClass Labelled images of a class, on average.
 */
export function chooseMode(isAdapted: boolean, imagesOfClass: number): ChosenMode {
  const from = isAdapted ? fullFrom.adapted : fullFrom.given;
  const few = `${Number(imagesOfClass.toFixed(1))} labelled images a class`;
  return imagesOfClass < from
    ? { mode: "head", because: `${few} are fewer than the ${from} from which the whole network is trained` }
    : { mode: "full", because: `${few} are enough to train the whole network, from ${from} on` };
}

/** The labelled images, and how many of them a class has on average. */
export async function countLabels(
  images: AsyncIterable<ImageItem>,
): Promise<{ readonly labelled: number; readonly imagesOfClass: number }> {
  let labelled = 0;
  const classes = new Set<string>();
  for await (const { label } of images) {
    // What nobody has sorted yet has none.
    if (label === undefined) continue;
    labelled++;
    classes.add(label);
  }
  return { labelled, imagesOfClass: labelled / Math.max(1, classes.size) };
}
