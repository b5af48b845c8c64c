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
} as const;
