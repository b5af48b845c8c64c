import type { DataProblem, SetImage } from "../data/index.ts";

/** What can be done with an image. */
export const actions = ["keep", "remove", "relabel", "move"] as const;

export type Action = (typeof actions)[number];

/** What kinds of findings there are, the gravest first. */
export const findingKinds = {
  unreadable: {
    title: "Files that cannot be read",
    about: "A training leaves them out. Copy them again, or remove them.",
  },
  leak: {
    title: "The same picture in two sets",
    about:
      "A model that has seen a picture recognises it: the accuracy on test and validation images comes out too high. The picture stays where it is worth most: in the test set, then the validation set, then the labelled images.",
  },
  "two-labels": {
    title: "The same picture in two classes",
    about: "One of both labels is wrong, or the picture shows both. Keep the right one.",
  },
  copy: {
    title: "Copies",
    about: "They count twice in training, and in cross-validation one half helps to judge the other.",
  },
  label: {
    title: "Likely label errors",
    about:
      "A classifier that was fitted without these images gives their labels less than a tenth of the probability that is usual for the class. The likeliest errors come first; where the other class is as likely as usual, it is suggested. Look before you believe it.",
  },
  outlier: {
    title: "Images that are unlike their class",
    about: "Wrong, rare or broken images are found among them, and unusual ones that are worth keeping.",
  },
  unlike: {
    title: "Unlabelled images unlike any class",
    about:
      "They are less like any class than 98 of 100 labelled images are like the nearest one. Learning from unlabelled images gets along with some; a class of your own that is missing among the labelled images shows here too.",
  },
  small: {
    title: "Very small images",
    about: "Little is left to see in them.",
  },
  narrow: {
    title: "Very long or narrow images",
    about: "A model sees the square in their middle, or all of it squeezed.",
  },
} as const satisfies Record<string, { readonly title: string; readonly about: string }>;

export type FindingKind = keyof typeof findingKinds;

/** Something that is wrong with an image, or may be. */
export interface Finding extends SetImage {
  readonly kind: FindingKind;
  /** The image that it is a copy of. */
  readonly other?: SetImage | undefined;
  /** What was found, as a phrase. */
  readonly found: string;
  /** How sure it is, on a scale of its kind; the list of a kind is sorted by it. */
  readonly score?: number | undefined;
  /** What is suggested. */
  readonly action: Action;
  /** The class to relabel it to, or the set to move it to. */
  readonly to?: string | undefined;
}

/** What is wrong with the images as a whole, in one line. */
export interface Problem {
  /** A kind of finding, or what only the whole set shows. */
  readonly kind: FindingKind | DataProblem["kind"] | "orientation" | "left-out";
  /** Images, or classes, that it concerns. */
  readonly count: number;
  readonly text: string;
}
