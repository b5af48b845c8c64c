import type { ImageItem } from "../../data/index.ts";
import type { ModelPlatform, ModelSource } from "../../predict/index.ts";
import type { EmbeddingEngine, HeadEvent } from "../../train/index.ts";
import { clusters } from "./clusters.ts";
import {
  imagesOf,
  judgeImages,
  type JudgedCounts,
  type JudgedImage,
  type JudgedImages,
  type JudgeImagesOptions,
} from "./judge-images.ts";

/** An unlabelled image whose label would help. */
export interface Suggestion extends Pick<JudgedImage, "margin" | "belongs"> {
  readonly image: ImageItem;
  /** The classes, the likeliest first, with their probabilities if the image shows one of them: they add up to 1. */
  readonly classes: readonly { readonly name: string; readonly probability: number }[];
  /** Of the images that look alike one is suggested: the number of their group, from 0. */
  readonly group: number;
}

export interface Suggestions extends EmbeddingEngine {
  /** The least certain first. */
  readonly suggestions: readonly Suggestion[];
  /** In the order of their names. */
  readonly classes: readonly string[];
  readonly counts: JudgedCounts;
}

export interface SuggestImagesOptions extends JudgeImagesOptions {
  /** Images to suggest. @default 20 */
  readonly count?: number | undefined;
}

/** What `count` is unless it is given. */
const defaultCount = 20;

/** Images that are likeliest to show one of the classes, and the share of all that they are at most: others are not looked at further. */
const mostLikely = 4000;
const likelyShare = 1 / 4;
/** The least certain of them, for each image that is suggested. */
const uncertainForEach = 8;

/**
 * Finds the unlabelled images whose labels help a classifier most: they show one of the classes, the classifier cannot tell which,
 * and they do not look alike.
 *
 * Of the 4,000, or the quarter of all, that are likeliest to show one of the classes ({@link judgeImages}), the 8 · count with the least margin between the
 * best two classes are divided into `count` groups that look alike, and of each group the least certain is taken. The same images
 * and seed give the same suggestions.
 *
 * @param source The network; its classifier is not looked at.
 * @returns Fewer than `count` where there are no more.
 * @throws What {@link judgeImages} throws.
 */
export async function* suggestImages(
  platform: ModelPlatform,
  source: ModelSource,
  options: SuggestImagesOptions,
): AsyncGenerator<HeadEvent, Suggestions, undefined> {
  const { count = defaultCount, seed = 0 } = options;
  const judged = yield* judgeImages(platform, source, options);
  const { classes, pool, counts, engine, precision } = judged;
  const chosen = chooseImages(judged, { count, seed });
  const images = await imagesOf(pool, new Set(chosen.map(({ id }) => id)));
  return {
    suggestions: chosen.map(({ id, probabilities, margin, belongs, group }) => ({
      image: images.get(id)!,
      classes: [...classes.keys()]
        .sort((a, b) => probabilities[b]! - probabilities[a]! || a - b)
        .map((index) => ({ name: classes[index]!, probability: probabilities[index]! })),
      margin,
      belongs,
      group,
    })),
    classes,
    counts,
    engine,
    precision,
  };
}

interface ChooseOptions {
  readonly count: number;
  readonly seed: number;
}

interface ChosenImage extends JudgedImage {
  readonly group: number;
}

/** One image of each group of those that are likely to show a class and uncertain, the least certain first. */
function chooseImages(
  { images, embeddings }: JudgedImages,
  { count, seed }: ChooseOptions,
): readonly ChosenImage[] {
  const byMargin = (a: JudgedImage, b: JudgedImage): number => a.margin - b.margin || a.row - b.row;
  const looked = Math.min(mostLikely, Math.ceil(likelyShare * images.length));
  const likely = images
    .toSorted((a, b) => b.belongs - a.belongs || a.row - b.row)
    .slice(0, Math.max(looked, count));
  const uncertain = likely.toSorted(byMargin).slice(0, uncertainForEach * count);
  const rows = uncertain.map(({ row }) => row);
  const groups = clusters(embeddings, rows, { count, seed });
  const taken = new Set<number>();
  const [firsts, rest]: [ChosenImage[], ChosenImage[]] = [[], []];
  for (const [index, image] of uncertain.entries()) {
    const group = groups[index]!;
    (taken.has(group) ? rest : firsts).push({ ...image, group });
    taken.add(group);
  }
  // Where images are alike, some groups stay empty: others make up for them.
  return [...firsts, ...rest.slice(0, count - firsts.length)].sort(byMargin);
}
