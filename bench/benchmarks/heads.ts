import { join } from "node:path";
import { createModel, openModel, type Model } from "ssl-resnext";
import { hasWeights } from "ssl-resnext/nn";
import { trainHead, type TrainedHead, type TrainHeadOptions } from "ssl-resnext/node";
import type { Benchmark } from "../benchmark.ts";
import { sourceOf, vehicles, vehicleTask, type VehicleTask } from "../fixtures/vehicles.ts";
import { meanAndError } from "../measure/statistics.ts";
import { cacheFolder } from "../paths.ts";

/** Labels a class, and the points that half-whitening should gain there. */
const wanted: ReadonlyMap<number, number> = new Map([
  [5, 2],
  [10, 3],
  [25, 2],
  [100, 1],
]);

/** How good a head on few labels is, and what unlabelled images add to it. */
export const heads: Benchmark = {
  name: "heads",
  summary: "heads on 5 to 100 labels a class, plain and half-whitened, on a backbone (--backbone FILE)",
  async run({ quick, photos, backbone }) {
    const task = await vehicleTask(photos);
    const pretrained = hasWeights(backbone);
    const source = await openModel(backbone, { pretrained, numClasses: vehicles.length, classes: vehicles });
    const test = await embedTest(await createModel(backbone, { pretrained }), task);
    const cells: Cell[] = [];
    for (const [labels, gain] of wanted) {
      const draws: Draw[] = [];
      for (let draw = 0; draw < (quick ? 2 : 5); draw++) {
        const images = task.draw(labels, draw);
        const train = async (options: Partial<TrainHeadOptions>): Promise<Fitted> =>
          measure(await finished(trainHead(source, images, { ...common, ...options })), test);
        draws.push({ plain: await train({}), whitened: await train({ unlabelled: task.unlabelled }) });
      }
      cells.push({ labels, gain, draws });
    }
    return reportOf(cells);
  },
};

const common = { classes: vehicles, cache: join(cacheFolder, "heads") };

/** One fit, and how good it is on images that had no part in it, in percent. */
interface Fitted {
  readonly top1: number;
  readonly crossValidated: number;
}

interface Draw {
  readonly plain: Fitted;
  readonly whitened: Fitted;
}

interface Cell {
  readonly labels: number;
  readonly gain: number;
  readonly draws: readonly Draw[];
}

interface TestImage {
  readonly embedding: Float32Array;
  readonly label: number;
}

/** As `classify` sees them: without the mirror. */
async function embedTest(model: Model, { test }: VehicleTask): Promise<readonly TestImage[]> {
  const found: TestImage[] = [];
  try {
    for await (const result of model.embedAll(sourceOf(test))) {
      if ("error" in result) throw result.error;
      const label = vehicles.findIndex((name) => name === test[found.length]!.label);
      found.push({ embedding: result.embedding, label });
    }
  } finally {
    await model.release();
  }
  return found;
}

async function finished(training: AsyncGenerator<unknown, TrainedHead, undefined>): Promise<TrainedHead> {
  for (;;) {
    const next = await training.next();
    if (next.done) return next.value;
  }
}

function measure(trained: TrainedHead, test: readonly TestImage[]): Promise<Fitted> {
  return trained.withWeights(async (weights) => {
    const [weight, bias] = await Promise.all(
      ["fc.weight", "fc.bias"].map(async (name) => (await weights.get(name)!.load()).data as Float32Array),
    );
    const right = test.filter(({ embedding, label }) => {
      const logits = vehicles.map((_, k) =>
        embedding.reduce((sum, x, j) => sum + x * weight![k * embedding.length + j]!, bias![k]!),
      );
      return logits.indexOf(Math.max(...logits)) === label;
    });
    return { top1: (100 * right.length) / test.length, crossValidated: trained.crossValidation!.top1 };
  });
}

function reportOf(cells: readonly Cell[]): Awaited<ReturnType<Benchmark["run"]>> {
  const gains = cells.map(({ draws }) =>
    meanAndError(draws.map(({ plain, whitened }) => whitened.top1 - plain.top1)),
  );
  const mean = (draws: readonly Draw[], value: (draw: Draw) => number): string =>
    meanAndError(draws.map(value)).mean.toFixed(1);
  const signed = ({ mean: value, error }: ReturnType<typeof meanAndError>): string =>
    `${value < 0 ? "" : "+"}${value.toFixed(1)} ± ${error.toFixed(1)}`;
  return {
    title: "Heads on few labels",
    columns: ["labels a class", "plain, %", "whitened, %", "difference", "cross-validated", "whitened"],
    rows: cells.map(({ labels, draws }, index) => [
      `${labels}`,
      mean(draws, ({ plain }) => plain.top1),
      mean(draws, ({ whitened }) => whitened.top1),
      signed(gains[index]!),
      mean(draws, ({ plain }) => plain.crossValidated),
      mean(draws, ({ whitened }) => whitened.crossValidated),
    ]),
    targets: cells.map(({ labels, gain }, index) => ({
      what: `whitened over plain, ${labels} labels a class`,
      wanted: `+${gain} points`,
      measured: `${signed(gains[index]!)} points`,
      met: gains[index]!.mean >= gain,
    })),
    notes: [
      `Top-1 over 2,000 test images of ${vehicles.join(", ")}; means over ${cells[0]!.draws.length} draws of the labels, and the standard error of the differences of each draw.`,
      "Whitened by 5,000 of 23,000 unlabelled images, six in ten of them animals.",
      "Cross-validated: what the same fits say of themselves on their own labels.",
    ],
    data: cells,
  };
}
