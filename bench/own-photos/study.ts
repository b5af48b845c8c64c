import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { exportSafetensors, trainModel, type ImageSource } from "ssl-resnext";
import { semiFields } from "ssl-resnext/semi";
import type { Benchmark } from "../benchmark.ts";
import { openNetwork, sourceOf, top1Of, type FewLabelTask, type Network } from "../fixtures/few-labels.ts";
import { textureTask } from "../fixtures/textures.ts";
import { vehicles, vehicleTask } from "../fixtures/vehicles.ts";
import { meanAndError, signed } from "../measure/statistics.ts";
import { cacheFolder } from "../paths.ts";
import type { Target } from "../report.ts";
import { adaptedNetworks, type Adaptation } from "./adaptations.ts";

/** Points that adapting the network should add, whatever the number of labels. */
const wanted = 7;

/** One task, a network that knows other things, and ways to adapt it. */
interface Study<Task extends FewLabelTask> extends Pick<Benchmark, "name" | "summary"> {
  readonly title: string;
  readonly task: (photos: string) => Promise<Task>;
  readonly labelsOfClass: readonly number[];
  readonly draws: number;
  /** The first one is what a run would do. */
  readonly adaptations: (task: Task) => Promise<readonly Adaptation[]>;
}

/** What unlabelled images are worth, and in which way, where most of them show something else. */
export const ownPhotos: Benchmark = benchmarkOf({
  name: "own-photos",
  summary:
    "what unlabelled images add to 5 to 100 labels a class, in each way (--backbone FILE; hours, resumable)",
  title: "Own photos",
  task: vehicleTask,
  labelsOfClass: [5, 10, 25, 100],
  draws: 5,
  adaptations: async ({ unlabelled, kinds }) => [
    { name: "all images", images: unlabelled, every: 3 },
    { name: "both kinds", images: kinds.both },
    { name: "vehicles only", images: kinds.vehicles },
    { name: "animals only", images: kinds.animals },
    { name: "a tenth of the ships and trucks", images: kinds.longTail },
    { name: "few", images: await firstOf(unlabelled, 1000) },
  ],
});

/** The same of drawn textures, with the network of the package, which knows photographs. */
export const ownTextures: Benchmark = benchmarkOf({
  name: "own-textures",
  summary:
    "the same of drawn textures, half of which show something else (--backbone FILE; an hour, resumable)",
  title: "Own textures",
  task: textureTask,
  labelsOfClass: [5, 25],
  draws: 3,
  adaptations: async ({ unlabelled }) => [{ name: "all textures", images: unlabelled }],
});

function benchmarkOf<Task extends FewLabelTask>(study: Study<Task>): Benchmark {
  const { title, summary, labelsOfClass } = study;
  const folder = join(cacheFolder, study.name);
  return {
    name: study.name,
    summary,
    async run({ quick, photos, backbone }) {
      mkdirSync(folder, { recursive: true });
      const task = await study.task(photos);
      const draws = quick ? 2 : study.draws;
      /** The figure of each draw, one after the other, by the number of labels. */
      const ofDraws = async (
        figure: (labels: number, draw: number) => Promise<number>,
      ): Promise<Arm["top1"]> => {
        const figures = new Map<number, readonly number[]>();
        for (const labels of labelsOfClass) {
          const found: number[] = [];
          for (let draw = 0; draw < draws; draw++) found.push(await figure(labels, draw));
          figures.set(labels, found);
        }
        return figures;
      };
      const arms: Arm[] = [];
      const add = (name: string, top1: Arm["top1"]): Arm => {
        const arm = { name, top1 };
        arms.push(arm);
        console.error(name, Object.fromEntries(top1));
        return arm;
      };
      /** Classifiers on the frozen network. */
      const addHeads = async (name: string, network: Network, unlabelled?: ImageSource): Promise<Arm> =>
        add(
          name,
          await ofDraws(
            async (labels, draw) => (await network.fit(task.draw(labels, draw), unlabelled)).top1,
          ),
        );
      /** The whole network, trained from such a classifier as mode `full` does. */
      const addWhole = async (start: string, network: Network, unlabelled?: ImageSource): Promise<void> => {
        if (quick) return;
        const top1 = await ofDraws((labels, draw) => {
          const out = join(folder, `tuned-${start}-${labels}-${draw}`);
          return tunedTop1(out, network, task, { labels, draw, unlabelled });
        });
        add("  then trained as a whole", top1);
      };

      const asItCame = await openNetwork(backbone, task);
      const alone = await addHeads("as it came", asItCame);
      await addWhole("labels-alone", asItCame);
      const helped = await addHeads(
        "as it came, with the statistics of the unlabelled images",
        asItCame,
        task.unlabelled,
      );
      await addWhole("as-it-came", asItCame, task.unlabelled);
      let adapted: Arm | undefined;
      const networks = adaptedNetworks(backbone, await study.adaptations(task), folder, quick);
      for await (const { name, images, epochs, path, isDefault } of networks) {
        const network = await openNetwork(path, task);
        const arm = await addHeads(
          `adapted to ${name}: ${images.toLocaleString("en")} images, ${epochs} epochs`,
          network,
          task.unlabelled,
        );
        if (!isDefault) continue;
        adapted = arm;
        await addWhole("adapted", network, task.unlabelled);
      }
      return {
        title,
        columns: ["", ...labelsOfClass.flatMap((labels) => [`${labels} labels a class, %`, "gain"])],
        rows: arms.map((arm) => [arm.name, ...labelsOfClass.flatMap((labels) => cells(arm, alone, labels))]),
        targets: adapted ? labelsOfClass.map((labels) => target(adapted, helped, labels)) : [],
        notes: [
          `Top-1 over ${task.test.length.toLocaleString("en")} test images of ${task.classes.join(", ")}, none of which the backbone knows; means over ${draws} draws of the labels.`,
          "Gain: over the classifier on the network as it came by the labels alone, with the standard error of the differences of each draw.",
          "Adapted networks are adapted to unlabelled images only; their classifiers get the statistics of the unlabelled images too.",
        ],
        data: arms.map(({ name, top1 }) => ({ name, top1: Object.fromEntries(top1) })),
      };
    },
  };
}

async function firstOf(images: ImageSource, count: number): Promise<ImageSource> {
  const found = [];
  for await (const image of images) {
    found.push(image);
    if (found.length === count) break;
  }
  return sourceOf(found, vehicles);
}

/** A way to use the images. */
interface Arm {
  readonly name: string;
  /** Of each draw, in percent, by the number of labels a class. */
  readonly top1: ReadonlyMap<number, readonly number[]>;
}

async function tunedTop1(
  out: string,
  network: Network,
  task: FewLabelTask,
  {
    labels,
    draw,
    unlabelled,
  }: { readonly labels: number; readonly draw: number; readonly unlabelled: ImageSource | undefined },
): Promise<number> {
  const images = task.draw(labels, draw);
  const best = join(out, "best.safetensors");
  if (!existsSync(best)) {
    const head = `${out}-head.safetensors`;
    await exportSafetensors((await network.fit(images, unlabelled)).head, head);
    const recipe = { ...semiFields.tuneRecipe.schema.parse(undefined), validationShare: 0, seed: draw };
    const data = { name: `${labels} labels a class, draw ${draw}`, images };
    for await (const event of trainModel({ data, weights: head, out, resume: true, recipe })) {
      if (event.type === "finished") console.error(`${out}: done`);
    }
  }
  return top1Of(best, task);
}

/** The mean of an arm, and what it adds on the draws that both have. */
function cells({ top1 }: Arm, alone: Arm, labels: number): readonly string[] {
  const own = top1.get(labels);
  if (!own) return ["", ""];
  return [meanAndError(own).mean.toFixed(1), top1 === alone.top1 ? "" : signed(gain(own, alone, labels))];
}

const gain = (own: readonly number[], beside: Arm, labels: number): ReturnType<typeof meanAndError> =>
  meanAndError(own.map((value, draw) => value - beside.top1.get(labels)![draw]!));

function target(adapted: Arm, helped: Arm, labels: number): Target {
  const found = gain(adapted.top1.get(labels)!, helped, labels);
  return {
    what: `adapted over the network as it came, both with the statistics, ${labels} labels a class`,
    wanted: `+${wanted} points`,
    measured: `${signed(found)} points`,
    met: found.mean >= wanted,
  };
}
