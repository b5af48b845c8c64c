import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { checkImages, openImages, openModel, type CheckEvent, type ImageItem } from "ssl-resnext";
import { seededRandom } from "ssl-resnext/core";
import { readContent } from "ssl-resnext/data";
import { nodePlatform, trainHead } from "ssl-resnext/node";
import { modelOf } from "ssl-resnext/predict";
import type { Benchmark } from "../benchmark.ts";
import { plantForeign } from "../fixtures/foreign-images.ts";
import { changes, plantCopies, type Places, type PlantedCopy } from "../fixtures/planted-copies.ts";
import { cacheFolder } from "../paths.ts";

type Finding = Extract<CheckEvent, { readonly type: "finding" }>;

/** Planted copies, flipped labels and foreign images, and how many of them `check` finds. */
export const check: Benchmark = {
  name: "check",
  summary:
    "copies and foreign images that were planted, labels that were flipped: how many of them check finds (5 minutes)",
  async run({ quick, photos, backbone }) {
    const cifar = resolve(dirname(photos), "cifar10");
    const folder = mkdtempSync(join(cacheFolder, "check-"));
    const count = quick ? 20 : 200;
    try {
      const copies = [await findCopies("photographs", [photos], folder, count)];
      const flips: Flips[] = [];
      const foreign: Foreign[] = [];
      if (existsSync(cifar)) {
        const archives = ["labelled-4000.tar", "test-5000.tar"].map((name) => join(cifar, name));
        copies.push(await findCopies("CIFAR-10", quick ? archives.slice(0, 1) : archives, folder, count));
        for (const seed of quick ? [0] : [0, 1, 2])
          flips.push(await findFlips(archives[0]!, backbone, folder, seed));
        for (const share of [0.01, 0.05])
          foreign.push(await findForeign(archives, backbone, join(folder, `foreign-${share}`), share));
      }
      return report({ copies, flips, foreign }, count, backbone);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

interface Copies {
  readonly data: string;
  readonly images: number;
  readonly seconds: number;
  /** Planted copies by change, and those of them that were found. */
  readonly planted: Readonly<Record<string, number>>;
  readonly found: Readonly<Record<string, number>>;
  /** Findings with a planted copy that name its original, or another copy of it, and all that have one. */
  readonly right: number;
  readonly all: number;
  /** Findings among the images as they came. */
  readonly real: number;
}

async function findCopies(
  data: string,
  inputs: readonly string[],
  folder: string,
  count: number,
): Promise<Copies> {
  const images: { item: ImageItem; bytes: Uint8Array }[] = [];
  for await (const item of await openImages(inputs)) {
    images.push({ item, bytes: await readContent(nodePlatform.storageFor, item) });
  }
  const at = join(folder, data);
  const places: Places = {
    labelled: [join(at, "labelled", "cat"), join(at, "labelled", "ship")],
    test: [join(at, "test", "cat"), join(at, "test", "ship")],
    unlabelled: join(at, "unlabelled"),
  };
  const planted = await plantCopies(images, count, places);
  const began = performance.now();
  const found = await findingsOf({
    data: [inputs[0]!, join(at, "labelled")],
    test: [...inputs.slice(1), join(at, "test")],
    unlabelled: [places.unlabelled],
    out: join(at, "check"),
  });
  const seconds = (performance.now() - began) / 1000;
  const originalOf = new Map(planted.map(({ path, original }) => [path, original]));
  const copies = found.filter(({ other }) => other);
  const about = copies.filter(({ image, other }) => originalOf.has(image) || originalOf.has(other!.image));
  const isRight = ({ image, other }: Finding): boolean =>
    (originalOf.get(image) ?? image) === (originalOf.get(other!.image) ?? other!.image);
  const right = about.filter(isRight);
  const named = new Set(right.flatMap(({ image, other }) => [image, other!.image]));
  const byChange = (some: readonly PlantedCopy[]): Record<string, number> =>
    Object.fromEntries(
      changes.map((change) => [change, some.filter((copy) => copy.change === change).length]),
    );
  return {
    data,
    images: images.length + count,
    seconds,
    planted: byChange(planted),
    found: byChange(planted.filter(({ path }) => named.has(path))),
    right: right.length,
    all: about.length,
    real: copies.length - about.length,
  };
}

async function findingsOf(options: Parameters<typeof checkImages>[0]): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  for await (const event of checkImages(options)) if (event.type === "finding") found.push(event);
  return found;
}

/** How a list of images fares against the labels that were flipped. */
interface List {
  readonly length: number;
  readonly right: number;
}

interface Flips {
  readonly flipped: number;
  readonly listed: List;
  /** Those that are suggested to be relabelled, and how many of the right ones get their class back. */
  readonly relabelled: List;
  readonly restored: number;
  /** The list of the least likely labels by one model that has seen them, of the same length. */
  readonly single: List;
}

const flippedShare = 0.05;

async function findFlips(archive: string, backbone: string, folder: string, seed: number): Promise<Flips> {
  const images = await openImages([archive]);
  const classes = images.classes!;
  const random = seededRandom(seed);
  const labels = new Map<string, string>();
  const right = new Map<string, string>();
  for await (const { id, label } of images) right.set(id, label!);
  const ids = [...right.keys()];
  const flipped = new Set<string>();
  while (flipped.size < flippedShare * ids.length) flipped.add(ids[random.integer(ids.length)]!);
  for (const [id, label] of right) {
    const others = classes.filter((name) => name !== label);
    labels.set(id, flipped.has(id) ? others[random.integer(others.length)]! : label);
  }
  const table = join(folder, `labels-${seed}.csv`);
  const rows = ids.map(
    (id) => `${id.slice(id.indexOf(basename(archive)) + basename(archive).length + 1)},${labels.get(id)}`,
  );
  writeFileSync(table, `image,label\n${rows.join("\n")}\n`);
  const listOf = (list: readonly string[]): List => ({
    length: list.length,
    right: list.filter((id) => flipped.has(id)).length,
  });

  const found = await findingsOf({
    data: [archive],
    labelsFile: table,
    model: await openModel(backbone),
    out: join(folder, `flips-${seed}`),
  });
  const listed = found.filter(({ kind }) => kind === "label");
  const relabelled = listed.filter(({ action }) => action === "relabel");
  const restored = relabelled.filter(({ image, to }) => flipped.has(image) && right.get(image) === to);
  const single = await leastLikely(backbone, archive, table, labels);
  return {
    flipped: flipped.size,
    listed: listOf(listed.map(({ image }) => image)),
    relabelled: listOf(relabelled.map(({ image }) => image)),
    restored: restored.length,
    single: listOf(single.slice(0, listed.length)),
  };
}

/** Images by the probability of their label, the least first, by a classifier that was fitted to all of them. */
async function leastLikely(
  backbone: string,
  archive: string,
  table: string,
  labels: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const images = await openImages([archive], { labelsFile: table });
  const classes = images.classes!;
  const source = await openModel(backbone, { numClasses: classes.length, classes });
  const training = trainHead(source, images, { classes });
  let next = await training.next();
  while (!next.done) next = await training.next();
  const model = await modelOf(nodePlatform, next.value, {});
  const likely: { readonly id: string; readonly probability: number }[] = [];
  for await (const result of model.classifyAll(images, { topk: classes.length })) {
    if ("error" in result) continue;
    const own = result.predictions.find(({ label }) => label === labels.get(result.image));
    likely.push({ id: result.image, probability: own?.probability ?? 0 });
  }
  await model.release();
  return likely.sort((a, b) => a.probability - b.probability).map(({ id }) => id);
}

/** Foreign images among labelled and unlabelled ones, and the lists that should hold them. */
interface Foreign {
  /** Share of the labelled images that is foreign. */
  readonly share: number;
  /** Foreign images that are labelled, and those that are not. */
  readonly planted: number;
  readonly unlabelled: number;
  readonly outliers: List;
  /** Likely label errors, which are none of the outliers, and both together. */
  readonly labels: List;
  readonly both: List;
  readonly unlike: List;
}

async function findForeign(
  archives: readonly string[],
  backbone: string,
  folder: string,
  share: number,
): Promise<Foreign> {
  const planted = await plantForeign(archives, folder, share);
  const found = await findingsOf({
    data: [join(folder, "labelled")],
    unlabelled: [join(folder, "unlabelled")],
    model: await openModel(backbone),
    out: join(folder, "check"),
  });
  const listOf = (...kinds: readonly Finding["kind"][]): List => {
    const list = found.filter(({ kind }) => kinds.includes(kind));
    return { length: list.length, right: list.filter(({ image }) => planted.paths.has(image)).length };
  };
  return {
    share,
    planted: planted.labelled,
    unlabelled: planted.unlabelled,
    outliers: listOf("outlier"),
    labels: listOf("label"),
    both: listOf("outlier", "label"),
    unlike: listOf("unlike"),
  };
}

const percent = (part: number, whole: number): string => `${((100 * part) / (whole || 1)).toFixed(1)} %`;
const sum = (counts: Readonly<Record<string, number>> | readonly number[]): number =>
  Object.values(counts).reduce((total, value) => total + value, 0);

interface Found {
  readonly copies: readonly Copies[];
  readonly flips: readonly Flips[];
  readonly foreign: readonly Foreign[];
}

function report(
  { copies, flips, foreign }: Found,
  count: number,
  backbone: string,
): Awaited<ReturnType<Benchmark["run"]>> {
  const together = (pick: (one: Flips) => List): List => ({
    length: sum(flips.map((one) => pick(one).length)),
    right: sum(flips.map((one) => pick(one).right)),
  });
  const flipped = sum(flips.map((one) => one.flipped));
  const restored = sum(flips.map((one) => one.restored));
  const listRow = (name: string, { length, right }: List): readonly string[] => [
    name,
    (length / flips.length).toFixed(0),
    percent(right, length),
    percent(right, flipped),
  ];
  return {
    title: "Copies and label errors",
    columns: ["", "listed", "precision", "recall"],
    rows: [
      ...copies.map(({ data, planted, found, right, all, real }) => [
        `${count} planted copies, ${data}; ${real} more among the images themselves`,
        `${all}`,
        percent(right, all),
        `${percent(sum(found), sum(planted))} (${changes.map((change) => `${change} ${found[change]} of ${planted[change]}`).join(", ")})`,
      ]),
      ...(flips.length === 0
        ? []
        : [
            listRow(
              `5 % of the labels of 4,000 flipped, ${basename(backbone)}: the list`,
              together((one) => one.listed),
            ),
            listRow(
              `of it, suggested to be relabelled (${percent(restored, together((one) => one.relabelled).right)} of the right ones to their class)`,
              together((one) => one.relabelled),
            ),
            listRow(
              "the least likely labels by one classifier that was fitted to all, same length",
              together((one) => one.single),
            ),
          ]),
      ...foreign.flatMap(({ share: planted, planted: labelled, unlabelled, ...lists }) => {
        const row = (name: string, { length, right }: List, all: number): readonly string[] => [
          name,
          `${length}`,
          percent(right, length),
          percent(right, all),
        ];
        const of = `${labelled} animals among ${(labelled / planted).toFixed(0)} labelled vehicles, ${basename(backbone)}`;
        return [
          row(`${of}: outliers`, lists.outliers, labelled),
          row(`${of}: likely label errors`, lists.labels, labelled),
          row(`${of}: both`, lists.both, labelled),
          row(`${unlabelled} unlabelled animals among as many vehicles: unlike`, lists.unlike, unlabelled),
        ];
      }),
    ],
    targets: copies.map(({ data, planted, found }) => ({
      what: `planted copies found, ${data}`,
      wanted: "at least 95 %",
      measured: percent(sum(found), sum(planted)),
      met: sum(found) >= 0.95 * sum(planted),
    })),
    notes: [
      `Planted copies are compressed again (quality 40 to 90), resized (0.5 to 1.5), cropped by 2 to 5 % of each side, mirrored, or brightened (0.7 to 1.4), and lie within and across classes and sets. Seconds of the checks: ${copies.map(({ seconds, images }) => `${seconds.toFixed(0)} for ${images} images`).join(", ")}.`,
      "Flipped labels: the mean of the draws; the model is that of --backbone.",
    ],
    data: { copies, flips, foreign },
  };
}
