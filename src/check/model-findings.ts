import { growingArray } from "../data/loader/image-index.ts";
import type { Examples } from "../train/head/head-objective.ts";
import type { TrainingPlatform } from "../train/platform.ts";
import type { Copies } from "./copies/copy-groups.ts";
import type { ExaminedImages, ExamineOptions } from "./examine.ts";
import type { Finding } from "./findings.ts";
import { setImage } from "./gather-findings.ts";
import { labelErrors } from "./label-errors.ts";
import { classMeans, outliers, quantile, type ClassMeans } from "./likeness.ts";

/** The embeddings of labelled images, and what the unlabelled ones are like. */
export interface EmbeddedImages {
  readonly add: ExamineOptions["onEmbedding"];
  /** Positions of the labelled images that have an embedding. */
  labelled(): Int32Array;
  examples(numClasses: number): Examples;
  /** What labelled images are like; for unlabelled ones, which come last, how much they are like the nearest class. */
  readonly unlabelled: { readonly image: number; readonly likeness: number }[];
  means(numClasses: number): ClassMeans;
}

export function embeddedImages(): EmbeddedImages {
  const int32 = (length: number): Int32Array => new Int32Array(length);
  const [positions, labels] = [growingArray(int32), growingArray(int32)];
  const features: Float32Array<ArrayBuffer>[] = [];
  const unlabelled: { image: number; likeness: number }[] = [];
  let known: { readonly rows: number; readonly examples: Examples; readonly means: ClassMeans } | undefined;
  const gathered = (numClasses: number): NonNullable<typeof known> => {
    if (known?.rows === labels.length && known.examples.numClasses >= numClasses) return known;
    const length = features[0]?.length ?? 0;
    const all = new Float32Array(labels.length * length);
    features.forEach((one, row) => all.set(one, row * length));
    const examples: Examples = {
      rows: labels.length,
      length,
      numClasses,
      features: all,
      labels: Int32Array.from(labels.values()),
    };
    // The same numbers twice would be half of the memory.
    features.forEach((_, row) => (features[row] = all.subarray(row * length, (row + 1) * length)));
    known = { rows: labels.length, examples, means: classMeans(examples) };
    return known;
  };
  return {
    unlabelled,
    add(image, embedding, { set, label }) {
      if (set === "unlabelled") {
        if (labels.length === 0) return;
        const likeness = gathered(
          1 + labels.values().reduce((most, one) => Math.max(most, one), 0),
        ).means.nearest(embedding);
        unlabelled.push({ image, likeness });
      } else if (label >= 0) {
        positions.push(image);
        labels.push(label);
        features.push(embedding);
      }
    },
    labelled: () => positions.values(),
    examples: (numClasses) => gathered(numClasses).examples,
    means: (numClasses) => gathered(numClasses).means,
  };
}

/** The share of labelled images that are less like any class than an unlabelled one has to be to be told. */
const unusualShare = 0.02;

export async function modelFindings(
  platform: TrainingPlatform,
  images: ExaminedImages,
  { pictures }: Copies,
  embedded: EmbeddedImages,
  signal: AbortSignal | undefined,
): Promise<readonly Finding[]> {
  const { classes } = images;
  const positions = embedded.labelled();
  const examples = embedded.examples(classes.length);
  if (classes.length < 2 || examples.rows < 2) return [];
  const errors = await labelErrors(platform, examples, {
    pictures: positions.map((at) => pictures[at]!),
    signal,
  });
  const wrong = new Set(errors.map(({ row }) => row));
  const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
  const means = embedded.means(classes.length);
  const { own } = means;
  const usual = quantile(means.nearestOfLabelled(), unusualShare);
  return [
    ...errors.map(({ row, suggested, probability, ofLabel, isConfident }): Finding => {
      const label = classes[examples.labels[row]!]!;
      const to = classes[suggested]!;
      return {
        kind: "label",
        ...setImage(images, positions[row]!),
        found: `${to} ${percent(probability)}, ${label} ${percent(ofLabel)}`,
        score: 1 - ofLabel,
        action: isConfident ? "relabel" : "keep",
        to,
      };
    }),
    ...outliers(own, examples.labels, classes.length)
      .filter((row) => !wrong.has(row))
      .map((row): Finding => ({
        kind: "outlier",
        ...setImage(images, positions[row]!),
        found: `likeness ${own[row]!.toFixed(2)} to the others of its class`,
        score: own[row]!,
        action: "keep",
      })),
    ...embedded.unlabelled
      .filter(({ likeness }) => likeness < usual)
      .sort((a, b) => a.likeness - b.likeness)
      .map(({ image, likeness }): Finding => ({
        kind: "unlike",
        ...setImage(images, image),
        found: `likeness ${likeness.toFixed(2)} to the nearest class; 98 of 100 labelled images have more than ${usual.toFixed(2)} to theirs`,
        score: likeness,
        action: "keep",
      })),
  ];
}
