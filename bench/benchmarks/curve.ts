import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { exportSafetensors, trainModel } from "ssl-resnext";
import { imagenetPreprocessing } from "ssl-resnext/image";
import { randomStateDict, resnetConfig } from "ssl-resnext/nn";
import type { Benchmark } from "../benchmark.ts";
import { unpacked } from "../fixtures/training-sets.ts";
import type { Peer } from "../measure/peer.ts";
import { startPythonPeer } from "../measure/python-peer.ts";
import { cacheFolder, repository } from "../paths.ts";

/** The same training here and in PyTorch, from other random numbers each time. */
export const curve: Benchmark = {
  name: "curve",
  summary: "learning curves on CIFAR-10's labelled images, against the same training in PyTorch",
  async run({ quick, photos }) {
    const [training, validation] = ["labelled-4000.tar", "test-5000.tar"].map((name) =>
      resolve(repository, photos, "../cifar10", name),
    );
    if (!existsSync(training!)) throw new Error(`The learning curve needs ${training}.`);
    const data = {
      training: unpacked(training!, "curve-training")!,
      validation: unpacked(validation!, "curve-validation")!,
    };
    const epochs = quick ? 1 : wholeEpochs;
    const seeds = quick ? [1] : [1, 2, 3, 4, 5, 6];
    const torch = startPythonPeer("curve.py");
    try {
      const runs: Run[] = [];
      for (const seed of seeds) {
        runs.push({ name: "ssl-resnext", seed, curve: await trainHere(data, epochs, seed) });
        runs.push({ name: "PyTorch", seed, curve: await trainThere(torch, data, epochs, seed) });
      }
      return reportOf(runs, epochs);
    } finally {
      await torch.end();
    }
  },
};

interface Data {
  readonly training: string;
  readonly validation: string;
}

/** After one epoch: mean loss of its steps, and accuracy in percent over the validation images. */
interface Point {
  readonly trainLoss: number;
  readonly top1: number;
}

interface Run {
  readonly name: "ssl-resnext" | "PyTorch";
  readonly seed: number;
  readonly curve: readonly Point[];
}

const wholeEpochs = 12;
const batch = 100;
const rate = 0.05;
const network = { layers: [1, 1, 1], width: 16, cardinality: 4, baseWidth: 32 } as const;
const { mean, std } = imagenetPreprocessing;

async function trainHere(data: Data, epochs: number, seed: number): Promise<readonly Point[]> {
  mkdirSync(cacheFolder, { recursive: true });
  const folder = mkdtempSync(join(cacheFolder, "curve-"));
  try {
    const weights = join(folder, "start.safetensors");
    const config = resnetConfig({ ...network, block: "bottleneck", stem: "cifar", numClasses: 10 });
    const preprocessing = { ...imagenetPreprocessing, inputSize: 32, cropPct: 1 };
    const description = { name: "start", config, classes: [], preprocessing, provenance: {} };
    const source = {
      description,
      withWeights: <T>(use: (state: ReturnType<typeof randomStateDict>) => Promise<T>) =>
        use(randomStateDict(config, seed)),
    };
    await exportSafetensors(source, weights);
    const points: Point[] = [];
    const events = trainModel({
      data: data.training,
      validation: data.validation,
      weights,
      out: join(folder, "run"),
      recipe: {
        base: "supervised",
        epochs,
        batchSize: batch,
        learningRate: rate,
        referenceBatch: null,
        schedule: "cosine",
        crop: "random",
        colorJitter: null,
        smoothing: 0,
        seed,
      },
    });
    for await (const event of events) {
      if (event.type === "epoch") points.push({ trainLoss: event.trainLoss, top1: event.valTop1! });
    }
    return points;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function trainThere(torch: Peer, data: Data, epochs: number, seed: number): Promise<readonly Point[]> {
  const { layers, width, cardinality, baseWidth } = network;
  return torch.call<readonly Point[]>("train", {
    folder: data.training,
    validation: data.validation,
    mean,
    std,
    network: { layers, width, cardinality, base_width: baseWidth, classes: 10 },
    epochs,
    batch,
    rate,
    seed,
    threads: cpus().length,
  });
}

function reportOf(runs: readonly Run[], epochs: number): Awaited<ReturnType<Benchmark["run"]>> {
  const of = (name: Run["name"], epoch: number, value: (point: Point) => number): readonly number[] =>
    runs.filter((run) => run.name === name).map((run) => value(run.curve[epoch]!));
  const top1 = (name: Run["name"], epoch: number): readonly number[] =>
    of(name, epoch, (point) => point.top1);
  const loss = (name: Run["name"], epoch: number): readonly number[] =>
    of(name, epoch, (point) => point.trainLoss);
  const [ours, theirs] = [top1("ssl-resnext", epochs - 1), top1("PyTorch", epochs - 1)];
  const difference = meanOf(ours) - meanOf(theirs);
  const noise = (2 * Math.hypot(deviationOf(ours), deviationOf(theirs))) / Math.sqrt(ours.length);
  return {
    title: "Learning curves",
    columns: ["epoch", "ssl-resnext: loss", "top-1", "PyTorch: loss", "top-1"],
    rows: Array.from({ length: epochs }, (_, epoch) => [
      `${epoch + 1}`,
      spread(loss("ssl-resnext", epoch), 3),
      spread(top1("ssl-resnext", epoch), 1),
      spread(loss("PyTorch", epoch), 3),
      spread(top1("PyTorch", epoch), 1),
    ]),
    targets: [
      {
        what: "difference of the final top-1, in points",
        wanted: `within two standard errors: ${noise.toFixed(2)}`,
        measured: difference.toFixed(2),
        met: Math.abs(difference) <= noise,
      },
    ],
    notes: [
      `${runs.length / 2} seeds each, mean ± standard deviation; initial weights, order and augmentation are drawn anew by each side.`,
      `A bottleneck ResNeXt with CIFAR's stem (blocks ${network.layers.join(", ")}; width ${network.width}, cardinality ${network.cardinality}, base width ${network.baseWidth}); padded crop and flip; SGD with momentum 0.9, weight decay 1e-4, batch ${batch}, cosine from ${rate}.`,
      "Top-1 over the 5,000 test images. Nothing was tuned.",
    ],
    data: runs,
  };
}

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Standard deviation of a sample. */
function deviationOf(values: readonly number[]): number {
  const middle = meanOf(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return Math.sqrt(squares / Math.max(1, values.length - 1));
}

const spread = (values: readonly number[], digits: number): string =>
  `${meanOf(values).toFixed(digits)} ± ${deviationOf(values).toFixed(digits)}`;
