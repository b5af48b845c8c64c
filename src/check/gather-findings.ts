import {
  classProblems,
  copyKind,
  countClasses,
  imageSets,
  labelProblems,
  type ClassCount,
  type SetImage,
} from "../data/index.ts";
import type { Copies, Copy } from "./copies/copy-groups.ts";
import type { ExaminedImages } from "./examine.ts";
import { findingKinds, type Finding, type FindingKind, type Problem } from "./findings.ts";

/** An image of a set, as it is named to people. */
export const setImage = ({ ids, sets, labels, classes }: ExaminedImages, at: number): SetImage => ({
  set: imageSets[sets[at]!]!,
  image: ids[at]!,
  ...(labels[at]! < 0 ? {} : { label: classes[labels[at]!]! }),
});

export function unreadableFindings(images: ExaminedImages): readonly Finding[] {
  return [...images.failures].map(([at, error]) => ({
    kind: "unreadable",
    ...setImage(images, at),
    found: error.message,
    action: "remove",
  }));
}

export function copyFindings(images: ExaminedImages, { copies }: Copies): readonly Finding[] {
  const found = copies.map((copy): Finding => {
    const [image, other] = [setImage(images, copy.image), setImage(images, copy.kept)];
    return {
      kind: copyKind(image, other),
      ...image,
      other,
      found: howAlike(images, copy),
      score: copy.isExact ? 1 : Math.min(0.9999, copy.match?.likeness ?? 0),
      action: "remove",
    };
  });
  return found.sort((a, b) => b.score! - a.score!);
}

/** How two pictures are the same, as a phrase. */
function howAlike(
  { widths, heights, contents }: ExaminedImages,
  { image, kept, match, isExact }: Copy,
): string {
  if (isExact) return "the same file";
  if (!match) return "a copy of one of its copies";
  const size = (at: number): string => `${widths[contents[at]!]!} x ${heights[contents[at]!]!}`;
  const sizes = size(image) === size(kept) ? "" : `, ${size(image)} in place of ${size(kept)} pixels`;
  return `${match.mirrored ? "mirrored" : "the same picture"}, ${(100 * match.likeness).toFixed(1)} % alike${sizes}`;
}

/** Sides in pixels, and their ratio, that are too extreme to see much. */
const smallestSide = 16;
const shareOfMedian = 0.25;
const longestRatio = 4;

export function sizeFindings(images: ExaminedImages): readonly Finding[] {
  const { widths, heights, contents } = images;
  const shortSides = Uint32Array.from(widths, (width, at) => Math.min(width, heights[at]!)).sort();
  const median = shortSides[Math.floor(shortSides.length / 2)] ?? 0;
  const findings: Finding[] = [];
  for (const [at, content] of contents.entries()) {
    if (content < 0) continue;
    const [width, height] = [widths[content]!, heights[content]!];
    const [short, long] = [Math.min(width, height), Math.max(width, height)];
    const size = `${width} x ${height} pixels`;
    if (short < smallestSide || short < shareOfMedian * median) {
      const found = `${size}; the short side of half of all images has ${median} or more`;
      findings.push({ kind: "small", ...setImage(images, at), found, score: short, action: "keep" });
    } else if (long > longestRatio * short) {
      const found = `${size}, one side ${(long / short).toFixed(1)} times the other`;
      findings.push({ kind: "narrow", ...setImage(images, at), found, score: -long / short, action: "keep" });
    }
  }
  return findings.sort((a, b) => a.score! - b.score!);
}

/** Images by class, the largest class first. */
export const classCounts = (images: ExaminedImages): readonly ClassCount[] =>
  countClasses(Array.from(images.ids.keys(), (at) => setImage(images, at)));

/** What only the images as a whole show. */
export function wholeProblems(images: ExaminedImages, classes: readonly ClassCount[]): readonly Problem[] {
  const problems: Problem[] = [
    ...classProblems(classes),
    ...labelProblems(Array.from(images.ids.keys(), (at) => setImage(images, at))),
  ];
  const turned = images.contents.filter(
    (content) => content >= 0 && images.orientations[content] !== 1,
  ).length;
  if (turned > 0) {
    const text = `${plural(turned, "image says", "images say")} that ${turned === 1 ? "it lies on its" : "they lie on their"} side or upside down (EXIF orientation), and models take images as they are stored. Train with --exif, which turns them.`;
    problems.push({ kind: "orientation", count: turned, text });
  }
  return problems;
}

/** A line for each kind of finding, in the order of the kinds. */
export function findingProblems(findings: readonly Finding[]): readonly Problem[] {
  return (Object.keys(findingKinds) as FindingKind[]).flatMap((kind) => {
    const own = findings.filter((finding) => finding.kind === kind);
    return own.length === 0 ? [] : [{ kind, count: own.length, text: lines[kind](own) }];
  });
}

const lines: { readonly [K in FindingKind]: (findings: readonly Finding[]) => string } = {
  unreadable: (all) => `${plural(all.length, "file", "files")} cannot be read: ${exampleOf(all)}.`,
  leak: (all) =>
    `${plural(all.length, "image is", "images are")} in the ${setsOf(all)} images too: the accuracy there comes out too high. ${exampleOf(all)}.`,
  "two-labels": (all) =>
    `${plural(all.length, "picture stands", "pictures stand")} in two classes: ${exampleOf(all)}.`,
  copy: (all) =>
    `${plural(all.length, "image is a copy", "images are copies")} of others: ${exampleOf(all)}.`,
  label: (all) => `${plural(all.length, "label is", "labels are")} probably wrong: ${exampleOf(all)}.`,
  outlier: (all) =>
    `${plural(all.length, "image is", "images are")} unlike ${all.length === 1 ? "its" : "their"} class: ${exampleOf(all)}.`,
  unlike: (all) => `${plural(all.length, "unlabelled image is", "unlabelled images are")} unlike any class.`,
  small: (all) => `${plural(all.length, "image is", "images are")} very small: ${exampleOf(all)}.`,
  narrow: (all) => `${plural(all.length, "image is", "images are")} very long or narrow: ${exampleOf(all)}.`,
};

const exampleOf = ([first]: readonly Finding[]): string => {
  const { image, label, other, to } = first!;
  if (other) return `${image} and ${other.image}`;
  return to === undefined ? image : `${image}, ${label} or ${to}`;
};

const setsOf = (findings: readonly Finding[]): string =>
  [...new Set(findings.map(({ other }) => other!.set))].join(" or ");

const plural = (number: number, one: string, many: string): string =>
  `${number.toLocaleString("en-US")} ${number === 1 ? one : many}`;
