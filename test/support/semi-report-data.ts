import { seededRandom, type Random } from "../../src/core/index.ts";
import { confusionMatrix, countPrediction, type ConfusionMatrix } from "../../src/predict/index.ts";
import type { Arm, ArmRun, SelectedClass, SemiReportData, SweepPoint } from "../../src/semi/report/data.ts";
import { stripClasses, stripRanks } from "../../src/semi/report/selection.ts";
import type { ComparedModels, Verdict } from "../../src/semi/report/verdict.ts";
import { drawnThumbnail } from "./drawn-thumbnail.ts";
import { seededSureness } from "./report-data.ts";

/** What a whole run over these classes might report: every part is there, one class falls short of K. */
export async function semiReportData(classes: readonly string[]): Promise<SemiReportData> {
  const random = seededRandom(3);
  const k = Math.max(4, Math.round((0.16 * 46_000) / classes.length));
  const rows = k * (classes.length - 1) + Math.ceil(0.7 * k);
  return {
    title: "cifar-4000",
    summary: `Photos of ${classes.length} classes; 4,000 of 50,000 are labelled.`,
    classes,
    measuredOn: { set: "test", name: "test-5000.tar", images: 5000 },
    sureness: { ...seededSureness(400, classes[0]!), measuredOn: "5000 test images, test-5000.tar" },
    arms: arms(random),
    counts: {
      labelled: 4000,
      unlabelled: 46_000,
      score: { images: 45_997, broken: 3, p: Math.min(10, classes.length) },
      select: {
        ranking: "balanced",
        k,
        rows,
        images: rows - 12,
        duplicates: { images: 41 },
        copies: { rows: 39, groups: 2 },
      },
      pretrainImages: 1_840_000,
      finetuneImages: 560_000,
    },
    selection: {
      classes: await selectedClasses(classes, k, random),
      precisionByRank: Array.from({ length: 10 }, (_, part) => ({
        rank: Math.round((k * (part + 1)) / 10),
        precision: 99.4 - 0.14 * (part + 1) ** 2,
      })),
    },
    confusion: {
      teacher: drawnConfusion(classes.length, 0.76, random),
      supervised: drawnConfusion(classes.length, 0.75, random),
      finetuned: drawnConfusion(classes.length, 0.79, random),
    },
    curves: curves(),
    sweeps: [
      {
        title: "K, images per class",
        lines: [
          {
            name: "balanced",
            points: [184, 368, 736, 1472, 4600].map((value, i) =>
              sweepPoint(value, [76.8, 78.3, 79.1, 78.9, 76.2][i]!, random),
            ),
          },
          {
            name: "unbalanced",
            points: [368, 736, 1472].map((value, i) => sweepPoint(value, [77.2, 78.2, 78.1][i]!, random)),
          },
        ],
      },
      {
        title: "Unlabelled images",
        lines: [
          {
            name: "balanced",
            points: [5750, 11_500, 23_000, 46_000].map((value, i) =>
              sweepPoint(value, [75.6, 76.9, 78.2, 79.1][i]!, random),
            ),
          },
        ],
      },
    ],
    stages: [
      { name: "teach", images: 2_400_000, seconds: 4310 },
      { name: "score", images: 46_000, seconds: 31 },
      { name: "select", images: 459_970, seconds: 0.4 },
      { name: "pre-train", images: 1_840_000, seconds: 3320 },
      { name: "fine-tune", images: 560_000, seconds: 1004 },
      { name: "supervised", images: 2_400_000, seconds: 4290 },
    ],
    machine: [
      { name: "processor", value: "Intel Xeon, AVX-512" },
      { name: "cores", value: 2 },
      { name: "runtime", value: "onnxruntime-node 1.30.0" },
    ],
    settings: "seed: 1\nteacher:\n  model: resnet20_cifar10\nselect:\n  k: 736 # 0.16 |U| / classes\n",
    provenance: [
      { name: "labelled-4000.tar", value: `sha256 ${"5d41402abc4b2a76".repeat(4)}` },
      { name: "unlabelled-46000-00.tar", value: `sha256 ${"9719d911017c592a".repeat(4)}` },
      { name: "ssl-resnext", value: "0.1.0" },
    ],
  };
}

/** Runs with these accuracies, under the seeds 1, 2, 3 …. */
export function runs(top1: readonly number[], imagesProcessed = 2_400_000): readonly ArmRun[] {
  return top1.map((value, index) => ({
    seed: index + 1,
    top1: value,
    top5: 100 - (100 - value) / 8,
    imagesProcessed,
    seconds: imagesProcessed / 555,
  }));
}

function arms(random: Random): readonly Arm[] {
  const around = (mean: number): readonly number[] =>
    Array.from({ length: 5 }, () => mean + 0.3 * random.normal());
  return [
    { kind: "supervised", runs: runs(around(75)) },
    { kind: "pretrained", runs: runs(around(74.2), 1_840_000) },
    { kind: "finetuned", runs: runs(around(79.1)) },
    { kind: "teacher", runs: runs(around(76.4)) },
    {
      kind: "other",
      name: "Self-training",
      summary: "the teacher's own network as student",
      runs: runs(around(77.9)),
    },
  ];
}

function selectedClasses(
  classes: readonly string[],
  k: number,
  random: Random,
): Promise<readonly SelectedClass[]> {
  const withStrip = new Set(stripClasses(classes.length));
  return Promise.all(
    classes.map(async (name, index) => {
      const selected = index === classes.length - 1 ? Math.ceil(0.7 * k) : k;
      const hardness = (index % 7) / 10;
      const known = Math.max(1, Math.floor(0.9 * selected));
      const ranks = withStrip.has(index) ? stripRanks(selected, k) : [];
      return {
        candidates: index === classes.length - 1 ? selected : 4000 + 37 * (index % 11),
        selected,
        highest: 0.9999 - hardness / 20,
        lowest: 0.97 - hardness / 2,
        bestScores: Array.from({ length: 20 }, (_, bin) =>
          bin < 2 ? 0 : Math.round(90 + (2600 - 2400 * hardness) * Math.exp((bin - 19) / 2)),
        ),
        truth: { known, right: Math.round(known * (0.98 - 0.3 * hardness)) },
        strip: await Promise.all(
          ranks.map(async (rank, place) => {
            const wrong = place > 1 && random.uniform() < hardness;
            const shown = wrong ? (index + 3) % classes.length : index;
            return {
              id: `unlabelled-46000-00.tar/${String(rank * 37 + index).padStart(6, "0")}.png`,
              rank,
              score: 0.9999 - (place * (0.03 + hardness / 2)) / 3,
              truth: classes[shown] ?? name,
              thumbnail: await drawnThumbnail(shown, random),
            };
          }),
        ),
      };
    }),
  );
}

function drawnConfusion(classes: number, share: number, random: Random, images = 5000): ConfusionMatrix {
  const matrix = confusionMatrix(classes);
  for (let image = 0; image < images; image++) {
    const target = image % classes;
    const right = random.uniform() < share - 0.02 * (target % 5);
    // Half of the mistakes take a class for its neighbour.
    const mistaken = random.uniform() < 0.5 ? (target ^ 1) % classes : random.integer(classes);
    countPrediction(matrix, target, right ? target : mistaken);
  }
  return matrix;
}

function curves(): SemiReportData["curves"] {
  const curve = (name: string, images: number, reached: number) => ({
    name,
    points: Array.from({ length: 40 }, (_, epoch) => ({
      imagesProcessed: (images * (epoch + 1)) / 40,
      trainLoss: 0.3 + 1.9 * Math.exp(-epoch / 9),
      valTop1: reached - 45 * Math.exp(-epoch / 7) + Math.sin(epoch * 2.3),
    })),
  });
  return [
    curve("fine-tuning", 560_000, 79),
    curve("supervised", 2_400_000, 75),
    curve("pre-training", 1_840_000, 74),
    curve("teacher", 2_400_000, 76),
  ];
}

const sweepPoint = (value: number, mean: number, random: Random): SweepPoint => ({
  value,
  top1: [1, 2, 3].map(() => mean + 0.3 * random.normal()),
});

/** A comparison that each of the verdicts is due to, of four vehicles and as many unlabelled images as came. */
export function comparedModels(outcome: Verdict["outcome"]): ComparedModels {
  const base = { labelled: 200, unlabelled: 4000, classes: 4, method: "adapt" } as const;
  const test = (onlyWith: number, onlyWithout: number, without: number): ComparedModels["test"] => ({
    name: "vehicles-test.tar",
    images: 2000,
    with: without + (100 * (onlyWith - onlyWithout)) / 2000,
    without,
    onlyWith,
    onlyWithout,
  });
  const compared: Readonly<Record<Verdict["outcome"], ComparedModels>> = {
    gain: { ...base, test: test(350, 168, 58.2), crossValidated: crossValidated(200, 31, 15, -0.21, 0.05) },
    "no gain": {
      ...base,
      test: test(140, 144, 70.3),
      crossValidated: crossValidated(200, 11, 11, 0.004, 0.011),
    },
    loss: { ...base, method: "labels", test: test(61, 943, 68.8) },
    "cannot tell": {
      ...base,
      labelled: 36,
      unlabelled: 64,
      classes: 3,
      crossValidated: crossValidated(36, 5, 3, -0.09, 0.08),
      perClass: [
        { name: "cat", labelled: 16, images: 16, right: 11 },
        { name: "dog", labelled: 15, images: 15, right: 9 },
        { name: "hedgehog", labelled: 5, images: 5, right: 1 },
      ],
    },
    "labels alone better": { ...base, crossValidated: crossValidated(200, 8, 19, 0.117, 0.041) },
    "not used": {
      ...base,
      method: "labels",
      unlabelled: 150,
      unused: "they are too few to say how images vary",
      crossValidated: crossValidated(200, 0, 0, 0, 0),
    },
  };
  return compared[outcome];
}

function crossValidated(
  images: number,
  onlyWith: number,
  onlyWithout: number,
  mean: number,
  standardError: number,
): ComparedModels["crossValidated"] {
  const right = Math.round(0.55 * images);
  return {
    images,
    folds: 5,
    with: { loss: 1.05 + mean, top1: (100 * (right + onlyWith - onlyWithout)) / images },
    without: { loss: 1.05, top1: (100 * right) / images },
    difference: { mean, standardError },
    onlyWith,
    onlyWithout,
  };
}

const animals = ["cat", "dog", "hedgehog"] as const;
const vehicles = ["airplane", "automobile", "ship", "truck"] as const;

const thumbnailRandom = seededRandom(9);
const nextThumbnails = await Promise.all(
  Array.from({ length: 20 }, (_, index) => drawnThumbnail(index % 4, thumbnailRandom)),
);

/** What a run of the methods adapt and labels reports that ends with a verdict. */
export function ownReportData(
  outcome: Verdict["outcome"],
  classes: readonly string[] = outcome === "cannot tell" ? animals : vehicles,
): SemiReportData {
  const compared = { ...comparedModels(outcome), classes: classes.length };
  const { test, crossValidated: folds, labelled, unlabelled, method } = compared;
  const [reached, alone] = test ? [test.with, test.without] : [folds!.with.top1, folds!.without.top1];
  const isVetoed = outcome === "labels alone better";
  const images = test?.images ?? folds!.images;
  const single = (top1: number, imagesProcessed: number): readonly ArmRun[] => [
    { seed: 0, top1, top5: NaN, imagesProcessed, seconds: imagesProcessed / 40 },
  ];
  const random = seededRandom(5);
  return {
    title: "vehicles",
    summary: "Photos of vehicles; teacher resnext50_32x4d, images from labelled/, unlabelled/.",
    classes,
    measuredOn: test
      ? { set: "test", name: test.name, images }
      : { set: "cross-validation", name: "labelled/", images },
    arms: [
      { kind: "labels", runs: single(reached, 61_000) },
      { kind: "tuned", runs: single(Math.max(0, reached - 2.5), 70_600) },
      { kind: "labels-alone", runs: single(Math.max(0, alone - 4), 1000) },
      { kind: "tuned-alone", runs: single(alone, 10_600) },
    ],
    counts: { labelled, unlabelled },
    own: {
      method: method === "adapt" ? "adapt" : "labels",
      reason:
        method === "adapt"
          ? "Taken because there is a pretrained start and 12 epochs cost about 25 minutes."
          : "Taken because 12 epochs of adaptation would cost about 9 hours.",
      between: { with: "labels", without: "tuned-alone" },
      compared,
      best: {
        arm: isVetoed ? "tuned-alone" : "labels",
        what: isVetoed
          ? `a classifier, then the whole network, trained on ${labelled} labelled images of ${classes.length} classes, on the network as it came; with the unlabelled images the cross-validated log loss was worse`
          : `a classifier trained on ${labelled} labelled images of ${classes.length} classes, on the network adapted to all images without labels`,
      },
      adaptation:
        method === "adapt"
          ? {
              images: labelled + unlabelled,
              epochs: 12,
              losses: Array.from({ length: 12 }, (_, epoch) => 3.1 + 2.2 * Math.exp(-epoch / 4)),
            }
          : undefined,
      classifier: { features: "half-whitened", images: 5000, folds: 5 },
      tuning: { steps: 150, augmentation: "on strongly augmented images" },
      next: {
        among: Math.min(5000, unlabelled),
        images: nextThumbnails.map((thumbnail, index) => ({
          name: `IMG_${2000 + index}.jpg`,
          id: `IMG_${2000 + index}.jpg`,
          // One of them cannot be read any more.
          thumbnail: index === 7 ? undefined : thumbnail,
          classes: [0, 1].map((second) => ({
            name: classes[(index + second) % classes.length]!,
            probability: second === 0 ? 0.52 - 0.001 * index : 0.4,
          })),
          belongs: index % 5 === 0 ? 0.3 : 0.9,
        })),
      },
    },
    match: {
      start: { with: "resnext50_32x4d", without: "resnext50_32x4d" },
      steps: { with: 150, without: outcome === "loss" ? 400 : 150 },
      augmentation: { with: "half strong", without: "half strong" },
    },
    confusion: {
      supervised: drawnConfusion(classes.length, alone / 100, random, images),
      finetuned: drawnConfusion(classes.length, reached / 100, random, images),
    },
    stages: [
      { name: "adapt", images: 12 * (labelled + unlabelled), seconds: 1500 },
      { name: "classify", images: labelled + unlabelled, seconds: 34 },
      { name: "tune", images: 9600, seconds: 240 },
      { name: "labels alone", images: 9800, seconds: 251 },
    ],
    machine: [{ name: "cores", value: 2 }],
    settings: "method: auto\nlabelled: labelled/\nunlabelled: unlabelled/\n",
    provenance: [{ name: "labelled images", value: `sha256 ${"5d41402abc4b2a76".repeat(4)}` }],
  };
}
