/**
 * Images to select for each class when nothing else is asked: the paper's 16,000 for 100 million images and 1,000
 * classes, in proportion to the images that there are for a class.
 */
export function defaultK(images: number, classes: number): number {
  return Math.max(1, Math.round((0.16 * images) / classes));
}
