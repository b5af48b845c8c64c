import { deriveSeed, seededRandom, type Random } from "../../core/index.ts";

/**
 * How an epoch goes through the images: each once in random order, each class equally often in random order, or each
 * once as the source lists them.
 */
export type Sampler = "shuffled" | "class-balanced" | "sequential";

/** What the order of an epoch depends on. */
export interface EpochOrderOptions {
  /** Class index of each image. */
  readonly labels: ArrayLike<number>;
  readonly seed: number;
  readonly epoch: number;
  /** @default "shuffled" */
  readonly sampler?: Sampler | undefined;
  /**
   * So many images, the first ones, have true labels; those after them, which a model labelled, take every second place. An
   * epoch is as long as without them. @default all
   */
  readonly trueLabels?: number | undefined;
}

/** The images of an epoch, by index, in the order of its batches. */
export function epochOrder(options: EpochOrderOptions): Uint32Array {
  const { labels, seed, epoch, sampler = "shuffled" } = options;
  const { trueLabels = labels.length } = options;
  return trueLabels < labels.length
    ? mixedOrder(options, trueLabels)
    : passOver(labels, sampler, seededRandom(deriveSeed(stream.order, seed, epoch)));
}

function passOver(labels: ArrayLike<number>, sampler: Sampler, random: Random): Uint32Array {
  if (sampler === "class-balanced") return classBalancedOrder(labels, random);
  return sampler === "shuffled" ? shuffle(ascending(labels.length), random) : ascending(labels.length);
}

/**
 * Images with true labels and others by turns. Each kind goes through all of its images before one comes again, over as many
 * epochs as that takes.
 */
function mixedOrder(
  { labels, seed, epoch, sampler = "shuffled" }: EpochOrderOptions,
  trueLabels: number,
): Uint32Array {
  const order = new Uint32Array(trueLabels);
  const all = Array.from(labels);
  const kinds = [
    { from: 0, to: trueLabels },
    { from: trueLabels, to: all.length },
  ];
  for (const [kind, { from, to }] of kinds.entries()) {
    const drawsOfEpoch = Math.ceil((trueLabels - kind) / 2);
    let pass = -1;
    let images: Uint32Array = new Uint32Array(0);
    for (let draw = 0; draw < drawsOfEpoch; draw++) {
      const at = epoch * drawsOfEpoch + draw;
      if (Math.floor(at / (to - from)) !== pass) {
        pass = Math.floor(at / (to - from));
        const random = seededRandom(deriveSeed(stream.order, seed, pass, kind));
        images = passOver(all.slice(from, to), sampler, random);
      }
      order[2 * draw + kind] = from + images[at % (to - from)]!;
    }
  }
  return order;
}

/**
 * As many draws as there are images, each class equally often, in random order.
 *
 * Within a class all images are drawn before one is drawn again: the counts of two classes, and of two images of a
 * class, differ by one at most.
 */
function classBalancedOrder(labels: ArrayLike<number>, random: Random): Uint32Array {
  const groups = imagesByClass(labels).filter((group) => group.length > 0);
  const order = new Uint32Array(labels.length);
  // Which classes get one draw more when the number of draws is no multiple of theirs.
  const turns = shuffle(ascending(groups.length), random);
  const shuffled = groups.map((group) => shuffle(group, random));
  for (let i = 0; i < order.length; i++) {
    const group = shuffled[turns[i % turns.length]!]!;
    order[i] = group[Math.floor(i / turns.length) % group.length]!;
  }
  return shuffle(order, random);
}

/** The images of each class, in ascending order; classes without images have none. */
export function imagesByClass(labels: ArrayLike<number>): readonly Uint32Array[] {
  const counts: (number | undefined)[] = [];
  for (let i = 0; i < labels.length; i++) counts[labels[i]!] = (counts[labels[i]!] ?? 0) + 1;
  const groups = Array.from(counts, (count) => new Uint32Array(count ?? 0));
  const filled = groups.map(() => 0);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    groups[label]![filled[label]!++] = i;
  }
  return groups;
}

/** Shuffles in place (Fisher and Yates); every order is equally likely. */
export function shuffle(indices: Uint32Array, random: Random): Uint32Array {
  for (let last = indices.length - 1; last > 0; last--) {
    const other = random.integer(last + 1);
    const held = indices[last]!;
    indices[last] = indices[other]!;
    indices[other] = held;
  }
  return indices;
}

/** 0, 1, ..., count - 1. */
export function ascending(count: number): Uint32Array {
  const indices = new Uint32Array(count);
  for (let i = 0; i < count; i++) indices[i] = i;
  return indices;
}

/** What a stream of random numbers is for: the first number of its seed, so that no two purposes share a stream. */
export const stream = {
  /** The order of an epoch. */
  order: 1,
  /** What happens to one image. */
  augmentation: 2,
  /** What happens between the images of a batch. */
  mixing: 3,
  /** Which image takes the place of a broken one. */
  replacement: 4,
  /** Which images are held out. */
  holdOut: 5,
  /** Which images are judged together in cross-validation. */
  folds: 6,
  /** Which images stand for many. */
  sample: 7,
  /** Which images stand for what is none of the classes. */
  none: 8,
  /** Which labelled images the unlabelled ones are compared with. */
  likeness: 9,
  /** Where clusters of images begin. */
  clusters: 10,
} as const;
