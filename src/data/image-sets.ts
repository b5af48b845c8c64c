import type { ImageSource } from "./image-source.ts";
import { compareNaturally } from "./natural-order.ts";
import type { OpenImagesOptions } from "./sources/image-sources.ts";

/** What images are for, in the order in which a copy is kept: that of the first set stays. */
export const imageSets = ["test", "validation", "labelled", "unlabelled"] as const;

export type ImageSet = (typeof imageSets)[number];

/** Where the images of sets lie: paths as `openImages` takes them. */
export interface CheckedData extends Pick<
  OpenImagesOptions,
  "imageColumn" | "labelColumn" | "labelsFile" | "signal"
> {
  /** Labelled images; of data in folders for training and validation each is taken for what it is meant. */
  readonly data: readonly string[];
  readonly validation?: readonly string[] | undefined;
  readonly test?: readonly string[] | undefined;
  /** Images of any content; labels are not looked at. */
  readonly unlabelled?: readonly string[] | undefined;
}

/** Images of one set. */
export interface NamedSet {
  readonly set: ImageSet;
  readonly images: ImageSource;
}

/** An image of a set. */
export interface SetImage {
  readonly set: ImageSet;
  /** Its path, inside an archive after that of the archive. */
  readonly image: string;
  /** Its class, where it has one. */
  readonly label?: string | undefined;
}

/** What is wrong with an image that shows the same picture as another, which stays. */
export function copyKind(image: SetImage, kept: SetImage): "leak" | "two-labels" | "copy" {
  const isLabelled = image.label !== undefined && kept.label !== undefined;
  if (isLabelled && image.label !== kept.label) return "two-labels";
  const isMeasuredOn = kept.set === "test" || kept.set === "validation";
  return image.set !== kept.set && isMeasuredOn ? "leak" : "copy";
}

/** Images of a class. */
export interface ClassCount {
  readonly name: string;
  readonly labelled: number;
  readonly validation: number;
  readonly test: number;
}

/** Labelled images by class, the largest class first. */
export function countClasses(images: Iterable<Pick<SetImage, "set" | "label">>): readonly ClassCount[] {
  const counts = new Map<string, { name: string; labelled: number; validation: number; test: number }>();
  for (const { set, label } of images) {
    if (label === undefined || set === "unlabelled") continue;
    const count = counts.get(label) ?? { name: label, labelled: 0, validation: 0, test: 0 };
    counts.set(label, count);
    count[set]++;
  }
  return [...counts.values()].sort((a, b) => b.labelled - a.labelled || compareNaturally(a.name, b.name));
}
