import type { Benchmark } from "../benchmark.ts";
import { openNetwork, type Fitted } from "../fixtures/few-labels.ts";
import { vehicles, vehicleTask } from "../fixtures/vehicles.ts";
import { meanAndError, signed } from "../measure/statistics.ts";

/** Labels a class, and the points that unlabelled images should add there. */
const wanted: ReadonlyMap<number, number> = new Map([
  [5, 2],
  [10, 3],
  [25, 2],
  [100, 1],
]);

/** How good a head on few labels is, and what the statistics of unlabelled images add to it. */
export const heads: Benchmark = {
  name: "heads",
  summary: "heads on 5 to 100 labels a class, without and with unlabelled images (--backbone FILE)",
  async run({ quick, photos, backbone }) {
    const task = await vehicleTask(photos);
    const network = await openNetwork(backbone, task);
    const cells: Cell[] = [];
    for (const [labels, gain] of wanted) {
      const draws: Draw[] = [];
      for (let draw = 0; draw < (quick ? 2 : 5); draw++) {
        const images = task.draw(labels, draw);
        draws.push({ plain: await network.fit(images), helped: await network.fit(images, task.unlabelled) });
      }
      cells.push({ labels, gain, draws });
    }
    return reportOf(cells);
  },
};

interface Draw {
  readonly plain: Fitted;
  readonly helped: Fitted;
}

interface Cell {
  readonly labels: number;
  readonly gain: number;
  readonly draws: readonly Draw[];
}

function reportOf(cells: readonly Cell[]): Awaited<ReturnType<Benchmark["run"]>> {
  const gains = cells.map(({ draws }) =>
    meanAndError(draws.map(({ plain, helped }) => helped.top1 - plain.top1)),
  );
  const mean = (draws: readonly Draw[], value: (draw: Draw) => number): string =>
    meanAndError(draws.map(value)).mean.toFixed(1);
  const taken = (draws: readonly Draw[]): string => {
    const names = draws.map(({ helped }) => helped.features);
    return [...new Set(names)]
      .map((name) => `${names.filter((each) => each === name).length} ${name}`)
      .join(", ");
  };
  return {
    title: "Heads on few labels",
    columns: [
      "labels a class",
      "labels alone, %",
      "with unlabelled images, %",
      "difference",
      "embeddings that were taken",
      "cross-validated alone",
      "with",
    ],
    rows: cells.map(({ labels, draws }, index) => [
      `${labels}`,
      mean(draws, ({ plain }) => plain.top1),
      mean(draws, ({ helped }) => helped.top1),
      signed(gains[index]!),
      taken(draws),
      mean(draws, ({ plain }) => plain.crossValidated),
      mean(draws, ({ helped }) => helped.crossValidated),
    ]),
    targets: cells.map(({ labels, gain }, index) => ({
      what: `with unlabelled images over labels alone, ${labels} labels a class`,
      wanted: `+${gain} points`,
      measured: `${signed(gains[index]!)} points`,
      met: gains[index]!.mean >= gain,
    })),
    notes: [
      `Top-1 over 2,000 test images of ${vehicles.join(", ")}; means over ${cells[0]!.draws.length} draws of the labels, and the standard error of the differences of each draw.`,
      "The statistics are those of 5,000 of 23,000 unlabelled images, six in ten of them animals.",
      "Cross-validated: what the same fits say of themselves on their own labels.",
    ],
    data: cells.map(({ labels, draws }) => ({
      labels,
      draws: draws.map(({ plain, helped }) =>
        [plain, helped].map(({ top1, crossValidated, features }) => ({ top1, crossValidated, features })),
      ),
    })),
  };
}
