import { existsSync } from "node:fs";
import { join } from "node:path";
import { createModel, exportSafetensors, trainModel, type ImageSource } from "ssl-resnext";
import { semiFields } from "ssl-resnext/semi";
import type { Benchmark } from "../benchmark.ts";
import { openNetwork, type Network } from "../fixtures/few-labels.ts";
import { sourceOf, vehicles, vehicleTask, type VehicleTask } from "../fixtures/vehicles.ts";
import { meanAndError, signed } from "../measure/statistics.ts";
import { cacheFolder } from "../paths.ts";
import type { Target } from "../report.ts";
import { adaptedNetworks } from "./adaptations.ts";

const labelsOfClass = [5, 10, 25, 100];
/** Points that adapting the network should add, whatever the number of labels. */
const wanted = 7;

/** What unlabelled images are worth, and in which way, where most of them show something else. */
export const ownPhotos: Benchmark = {
  name: "own-photos",
  summary:
    "what unlabelled images add to 5 to 100 labels a class, in each way (--backbone FILE; hours, resumable)",
  async run({ quick, photos, backbone }) {
    const task = await vehicleTask(photos);
    const draws = quick ? 2 : 5;
    const asItCame = await openNetwork(backbone, task);
    const alone = { name: "as it came", top1: await headFigures(asItCame, task, draws) };
    const helped = {
      name: "as it came, with the statistics of the unlabelled images",
      top1: await headFigures(asItCame, task, draws, { isHelped: true }),
    };
    const arms: Arm[] = [];
    const add = (arm: Arm): void => {
      arms.push(arm);
      console.error(arm.name, Object.fromEntries(arm.top1));
    };
    add(alone);
    if (!quick) add(await wholeNetwork("labels-alone", asItCame, task, draws));
    add(helped);
    if (!quick) add(await wholeNetwork("as-it-came", asItCame, task, draws, { isHelped: true }));
    let adapted: Arm | undefined;
    for await (const { name, images, epochs, path, isDefault } of adaptedNetworks(backbone, task, quick)) {
      const network = await openNetwork(path, task);
      const arm = {
        name: `adapted to ${name}: ${images.toLocaleString("en")} images, ${epochs} epochs`,
        top1: await headFigures(network, task, draws, { isHelped: true }),
      };
      add(arm);
      if (!isDefault) continue;
      adapted = arm;
      add(await wholeNetwork("adapted", network, task, draws, { isHelped: true }));
    }
    return {
      title: "Own photos",
      columns: ["", ...labelsOfClass.flatMap((labels) => [`${labels} labels a class, %`, "gain"])],
      rows: arms.map((arm) => [arm.name, ...labelsOfClass.flatMap((labels) => cells(arm, alone, labels))]),
      targets: adapted ? labelsOfClass.map((labels) => target(adapted, helped, labels)) : [],
      notes: [
        `Top-1 over 2,000 test images of ${vehicles.join(", ")}, none of which the backbone knows; means over ${draws} draws of the labels.`,
        "Gain: over the classifier on the network as it came by the labels alone, with the standard error of the differences of each draw.",
        "Adapted networks are adapted to unlabelled images only; their classifiers get the statistics of the unlabelled images too.",
      ],
      data: arms.map(({ name, top1 }) => ({ name, top1: Object.fromEntries(top1) })),
    };
  },
};

/** A way to use the images. */
interface Arm {
  readonly name: string;
  /** Of each draw, in percent, by the number of labels a class. */
  readonly top1: ReadonlyMap<number, readonly number[]>;
}

/** Classifiers on the frozen network. */
async function headFigures(
  network: Network,
  task: VehicleTask,
  draws: number,
  { isHelped = false } = {},
): Promise<Arm["top1"]> {
  const unlabelled = isHelped ? task.unlabelled : undefined;
  return ofDraws(
    draws,
    async (labels, draw) => (await network.fit(task.draw(labels, draw), unlabelled)).top1,
  );
}

/** The whole network, trained from such a classifier as mode `full` does. */
async function wholeNetwork(
  start: string,
  network: Network,
  task: VehicleTask,
  draws: number,
  { isHelped = false } = {},
): Promise<Arm> {
  const unlabelled = isHelped ? task.unlabelled : undefined;
  const top1 = await ofDraws(draws, (labels, draw) => {
    const out = join(cacheFolder, "own-photos", `tuned-${start}-${labels}-${draw}`);
    return tunedTop1(out, network, task, { labels, draw, unlabelled });
  });
  return { name: "  then trained as a whole", top1 };
}

/** The figure of each draw, one after the other, by the number of labels. */
async function ofDraws(
  draws: number,
  figure: (labels: number, draw: number) => Promise<number>,
): Promise<Arm["top1"]> {
  const figures = new Map<number, readonly number[]>();
  for (const labels of labelsOfClass) {
    const found: number[] = [];
    for (let draw = 0; draw < draws; draw++) found.push(await figure(labels, draw));
    figures.set(labels, found);
  }
  return figures;
}

async function tunedTop1(
  out: string,
  network: Network,
  task: VehicleTask,
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
  const model = await createModel(best);
  try {
    return (await model.validate(sourceOf(task.test))).top1;
  } finally {
    await model.release();
  }
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
