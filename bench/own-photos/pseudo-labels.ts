import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { runSemi } from "ssl-resnext";
import { contentReader, type ImageItem } from "ssl-resnext/data";
import { nodePlatform } from "ssl-resnext/node";
import { semiFields, type RecipeChoice, type SemiSettings } from "ssl-resnext/semi";
import type { Benchmark, BenchmarkOptions } from "../benchmark.ts";
import { top1Of, type FewLabelTask } from "../fixtures/few-labels.ts";
import { vehicles, vehicleTask } from "../fixtures/vehicles.ts";
import { runCommand } from "../measure/command.ts";
import { meanAndError, signed } from "../measure/statistics.ts";
import { cacheFolder, commandLine, repository } from "../paths.ts";

/** The networks of a run, by what its results call them; those of the methods labels and joint that are whole networks are trained alike but for their images. */
const arms = {
  "labels-alone": "classifier, labels alone",
  labels: "classifier, with the statistics of the unlabelled images",
  "tuned-alone": "whole network from the first, labels alone",
  tuned: "whole network from the second, labels alone (LS)",
  "variants/joint/joint": "the same as LS, half selected images: ranked with a class for none of these",
  average: "mean of the weights of that one and of LS",
  "variants/plain/joint": "the same as LS, half selected images: ranked by the classifier",
  "variants/fewer/joint": "the same as LS, half selected images: ranked with such a class, K = 300",
  "variants/threshold/joint": "the same as LS, half selected images: all from a probability of 0.95",
  "paper/finetune":
    "the paper's order, LS as the teacher: its own network on selected images, then on the labels",
  "paper/variants/pretrained/finetune": "the same from the network as it came",
  "paper/variants/random/finetune": "the same from random weights",
} as const;

type Arm = keyof typeof arms;

/** What selected images bring beside strong augmentation: the same start, steps, batch and augmentation with and without. */
export const pseudoLabels: Benchmark = {
  name: "own-photos-joint",
  summary:
    "what images that a classifier selects add to the labels alone, at equal steps and augmentation, and the paper's order (--backbone FILE; hours, resumable)",
  async run(options) {
    const { quick } = options;
    const [draws, labelsOfClass] = quick ? [2, [5]] : [5, [5, 10, 25, 100]];
    const found = new Map<number, readonly Readonly<Record<string, number>>[]>();
    for (const labels of labelsOfClass) {
      const top1: Readonly<Record<string, number>>[] = [];
      for (let draw = 0; draw < draws; draw++) top1.push(await accuracies(options, labels, draw));
      found.set(labels, top1);
    }
    const values = (arm: Arm, labels: number): readonly number[] =>
      found.get(labels)!.map((top1) => top1[arm]!);
    const cells = (arm: Arm, labels: number): readonly string[] => {
      const [own, beside] = [values(arm, labels), values("tuned", labels)];
      const gain = meanAndError(own.map((value, draw) => value - beside[draw]!));
      return [meanAndError(own).mean.toFixed(1), arm === "tuned" ? "" : signed(gain)];
    };
    const all = Object.keys(arms) as Arm[];
    return {
      title: "Own photos: labels alone and selected images",
      columns: ["", ...labelsOfClass.flatMap((labels) => [`${labels} labels a class, %`, "beside LS"])],
      rows: all.map((arm) => [arms[arm], ...labelsOfClass.flatMap((labels) => cells(arm, labels))]),
      targets: [],
      notes: [
        `Top-1 over the test images of ${vehicles.join(", ")}; means over ${draws} draws of the labels, with the standard error of the differences of each draw.`,
      ],
      data: all.map((arm) => ({
        arm,
        top1: Object.fromEntries(labelsOfClass.map((labels) => [labels, values(arm, labels)])),
      })),
    };
  },
};

/** Runs the methods labels, joint and paper on one draw of the labels, as far as that is not done, and gives the accuracy of each network. */
async function accuracies(
  { photos, backbone, quick }: BenchmarkOptions,
  labels: number,
  draw: number,
): Promise<Readonly<Record<string, number>>> {
  const task = await vehicleTask(photos);
  const folder = join(cacheFolder, "own-photos");
  const archives = (quick ? ["03"] : ["02", "03"]).map((shard) =>
    resolve(repository, photos, `../cifar10/unlabelled-46000-${shard}.tar`),
  );
  const tuneRecipe = semiFields.tuneRecipe.schema.parse(undefined);
  const settings = {
    labelled: [await classFolders(join(folder, `labels-${labels}-${draw}`), task.draw(labels, draw))],
    unlabelled: archives,
    test: [await classFolders(join(folder, "test"), task.test)],
    teacher: backbone,
    method: "labels",
    mode: "full",
    seed: draw,
    tuneRecipe: quick ? { ...tuneRecipe, images: 256 } : tuneRecipe,
    variants: {
      joint: { method: "joint" },
      plain: { method: "joint", noneImages: null },
      fewer: { method: "joint", k: 300 },
      threshold: { method: "joint", noneImages: null, ranking: "threshold" },
    },
  } as const;
  const out = join(folder, `${quick ? "quick-" : ""}joint-${labels}-${draw}`);
  const found: Record<string, number> = {};
  const measure = async (run: Partial<SemiSettings>, place: string, prefix = ""): Promise<void> => {
    for await (const event of runSemi({ settings: run, out: place, withVariants: true })) {
      if (event.type !== "stage-finished") continue;
      console.error(`${labels} labels a class, draw ${draw}: ${prefix}${event.stage}`);
      if (event.kind !== "measure") continue;
      for (const [name, value] of Object.entries(event.manifest.counts)) {
        found[prefix + name.slice("top-1 of ".length)] = value;
      }
    }
  };
  await measure(settings, out);
  const { labelled, unlabelled, test, seed } = settings;
  const teacher = join(out, "tuned", "best.safetensors");
  const paper = paperSettings(settings.tuneRecipe, backbone);
  await measure({ labelled, unlabelled, test, seed, teacher, ...paper }, `${out}-paper`, "paper/");
  found["average" satisfies Arm] = await averageTop1(out, task);
  return found;
}

/** The paper's order with as many images processed as `recipe` says, a quarter of them in fine-tuning, from three starts. */
function paperSettings(recipe: RecipeChoice, backbone: string): Partial<SemiSettings> {
  const images = recipe["images"] as number;
  const fresh = { ...recipe, batchNorm: "live" };
  return {
    method: "paper",
    teach: false,
    k: 1000,
    validationShare: 0,
    baseline: false,
    pretrainRecipe: { ...recipe, images: 0.75 * images },
    finetuneRecipe: { ...recipe, images: 0.25 * images },
    studentStart: "teacher",
    variants: {
      pretrained: { studentStart: "pretrained", student: backbone },
      random: {
        studentStart: "random",
        student: backbone,
        pretrainRecipe: { ...fresh, learningRate: 0.1, images: 0.75 * images },
        finetuneRecipe: { ...fresh, learningRate: 0.02, images: 0.25 * images },
      },
    },
  };
}

/** The accuracy of the mean of two networks that were trained from the same classifier: on the labels alone, and on selected images too. */
async function averageTop1(run: string, task: FewLabelTask): Promise<number> {
  const mean = join(run, "average.safetensors");
  const both = ["tuned", "variants/joint/joint"].map((stage) => join(run, stage, "best.safetensors"));
  if (!existsSync(mean)) await runCommand(process.execPath, [commandLine, "average", ...both, "-o", mean]);
  return top1Of(mean, task);
}

/** Writes images as class folders, unless they stand: settings of a run name paths. */
async function classFolders(
  folder: string,
  images: Iterable<ImageItem> | AsyncIterable<ImageItem>,
): Promise<string> {
  if (existsSync(folder)) return folder;
  const partial = `${folder}.partial`;
  await using reader = contentReader(nodePlatform.storageFor);
  for await (const item of images) {
    mkdirSync(join(partial, item.label!), { recursive: true });
    writeFileSync(join(partial, item.label!, basename(item.id)), await reader.read(item));
  }
  renameSync(partial, folder);
  return folder;
}
