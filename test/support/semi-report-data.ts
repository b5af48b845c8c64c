import { seededRandom, type Random } from "../../src/core/index.ts";
import { confusionMatrix, countPrediction, type ConfusionMatrix } from "../../src/predict/index.ts";
import type { Arm, ArmRun, SelectedClass, SemiReportData, SweepPoint } from "../../src/semi/report/data.ts";
import { stripClasses, stripRanks } from "../../src/semi/report/selection.ts";
import { drawnThumbnail } from "./drawn-thumbnail.ts";

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
    arms: arms(random),
    counts: {
      labelled: 4000,
      unlabelled: 46_000,
      score: { images: 45_997, broken: 3, p: Math.min(10, classes.length) },
      select: { ranking: "balanced", k, rows, images: rows - 12, duplicates: { images: 41 } },
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

function drawnConfusion(classes: number, share: number, random: Random): ConfusionMatrix {
  const matrix = confusionMatrix(classes);
  for (let image = 0; image < 5000; image++) {
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
