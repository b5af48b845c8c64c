import { join } from "node:path";
import { openModel, type ImageItem, type ImageSource, type ModelSource } from "ssl-resnext";
import { deriveSeed, seededRandom } from "ssl-resnext/core";
import { judgeImages, suggestImages, type HeadEvent } from "ssl-resnext/node";
import { hasWeights } from "ssl-resnext/nn";
import { noneLabel } from "ssl-resnext/data";
import type { Benchmark } from "../benchmark.ts";
import { openNetwork, sourceOf, type Network } from "../fixtures/few-labels.ts";
import { vehicles, vehicleTask, type VehicleTask } from "../fixtures/vehicles.ts";
import { meanAndError, signed } from "../measure/statistics.ts";
import { cacheFolder } from "../paths.ts";
import type { ReportChart, Target } from "../report.ts";

/** Labels a class that a person begins with, the images that are labelled in each round after that, and draws of the first labels. */
const studies = [
  { labels: 5, clicks: 20, draws: 30 },
  { labels: 25, clicks: 100, draws: 5 },
] as const;
/** Networks that were trained on a draw's own labels are those of another study, which has so many. */
const trainedDraws = 5;
const rounds = 3;

/** Ways to say which images are labelled next. */
const ways = {
  suggest: "suggested",
  random: "at random",
  margin: "least margin alone",
  "in-class": "likely to belong, at random",
} as const;

type Way = keyof typeof ways;
const allWays = Object.keys(ways) as Way[];

/** Points that suggested images should add to as many random ones with 5 labels a class, and their share that shows a class. */
const wanted = { points: 4, share: 75 };

/** What a label is worth where the program says which. */
export const labelNext: Benchmark = {
  name: "label-next",
  summary:
    "accuracy against images labelled, suggested or otherwise chosen (--backbone FILE; {labels} and {draw} in it stand for these)",
  async run({ quick, photos, backbone }) {
    const task = await vehicleTask(photos);
    const found = new Map<string, readonly Course[]>();
    for (const { labels, clicks, draws: all } of quick ? studies.slice(0, 1) : studies) {
      const draws = quick ? 1 : backbone.includes("{draw}") ? trainedDraws : all;
      const courses = new Map<Way, Course[]>(allWays.map((way) => [way, []]));
      for (let draw = 0; draw < draws; draw++) {
        const path = backbone.replace("{labels}", `${labels}`).replace("{draw}", `${draw}`);
        const source = await openModel(path, { pretrained: hasWeights(path) });
        const network = await openNetwork(path, task);
        const first = await imagesIn(task.draw(labels, draw));
        const { top1: start } = await network.fit(sourceOf(first, vehicles), task.pool);
        const study = { source, network, task, first, start, clicks, draw };
        for (const way of allWays) {
          const course = await follow(study, way);
          courses.get(way)!.push(course);
          console.error(`${labels} labels a class, draw ${draw}, ${ways[way]}:`, JSON.stringify(course));
        }
      }
      for (const way of allWays) found.set(`${labels} ${way}`, courses.get(way)!);
    }
    return reportOf(found);
  },
};

/** What becomes of one draw of the labels. */
interface Course {
  /** Percent right on the test images: at first, and after each round. */
  readonly top1: readonly number[];
  /** Images that were labelled and show one of the classes. */
  readonly hits: number;
}

interface Study {
  readonly source: ModelSource;
  readonly network: Network;
  readonly task: VehicleTask;
  /** The labelled images that the person begins with, and what the classifier of these is right on, in percent. */
  readonly first: readonly ImageItem[];
  readonly start: number;
  readonly clicks: number;
  readonly draw: number;
}

async function follow(
  { source, network, task, first, start, clicks, draw }: Study,
  way: Way,
): Promise<Course> {
  const known = [...first];
  const top1 = [start];
  const ofClasses = (): readonly ImageItem[] => known.filter(({ label }) => label !== noneLabel);
  for (let round = 0; round < rounds; round++) {
    const seed = deriveSeed(draw, round);
    const ids = new Set(await chosen(way, source, known, { pool: task.pool, clicks, seed }));
    for (const item of await imagesIn(task.pool)) {
      if (ids.has(item.id)) known.push({ ...item, label: task.labelOf(item) ?? noneLabel });
    }
    top1.push((await network.fit(sourceOf(ofClasses(), vehicles), task.pool)).top1);
  }
  return { top1, hits: ofClasses().length - first.length };
}

async function imagesIn(source: ImageSource): Promise<readonly ImageItem[]> {
  const found: ImageItem[] = [];
  for await (const item of source) found.push(item);
  return found;
}

/** Images with the classes that their labels have. */
const withClasses = (images: readonly ImageItem[]): ImageSource =>
  sourceOf(images, images.some(({ label }) => label === noneLabel) ? [...vehicles, noneLabel] : vehicles);

interface ChoiceOptions {
  readonly pool: ImageSource;
  readonly clicks: number;
  readonly seed: number;
}

/** The ids of the images that are labelled next. */
async function chosen(
  way: Way,
  source: ModelSource,
  known: readonly ImageItem[],
  { pool, clicks: count, seed }: ChoiceOptions,
): Promise<readonly string[]> {
  if (way === "random") {
    const ids = new Set(known.map(({ id }) => id));
    const free = (await imagesIn(pool)).filter(({ id }) => !ids.has(id));
    return shuffled(free, seed)
      .slice(0, count)
      .map(({ id }) => id);
  }
  const cache = join(cacheFolder, "few-labels");
  const options = { labelled: withClasses(known), unlabelled: pool, seed, cache };
  if (way === "suggest") {
    const { suggestions } = await ended(suggestImages(source, { ...options, count }));
    return suggestions.map(({ image }) => image.id);
  }
  const { images } = await ended(judgeImages(source, options));
  const likely = images.toSorted((a, b) => b.belongs - a.belongs).slice(0, images.length / 4);
  const ordered = way === "margin" ? images.toSorted((a, b) => a.margin - b.margin) : shuffled(likely, seed);
  return ordered.slice(0, count).map(({ id }) => id);
}

/** Accuracy against images labelled; the bars are standard errors of the difference from random images, draw by draw. */
function chartsOf(found: ReadonlyMap<string, readonly Course[]>): readonly ReportChart[] {
  return studies.flatMap(({ labels, clicks }) => {
    const random = found.get(`${labels} random`);
    if (!random) return [];
    const curves = allWays.map((way) => {
      const courses = found.get(`${labels} ${way}`)!;
      const points = Array.from({ length: rounds + 1 }, (_, round) => {
        const over = meanAndError(courses.map(({ top1 }, draw) => top1[round]! - random[draw]!.top1[round]!));
        const { mean } = meanAndError(courses.map(({ top1 }) => top1[round]!));
        return { x: round * clicks, y: mean, ...(over.error > 0 ? { spread: over.error } : {}) };
      });
      return { name: ways[way], points };
    });
    return [{ title: `${labels} labels a class at first, top-1 %`, x: "images labelled", curves }];
  });
}

function shuffled<T>(items: readonly T[], seed: number): readonly T[] {
  const random = seededRandom(seed);
  return items
    .map((item) => ({ item, place: random.uniform() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

async function ended<Result>(running: AsyncGenerator<HeadEvent, Result, undefined>): Promise<Result> {
  let next = await running.next();
  while (!next.done) next = await running.next();
  return next.value;
}

function reportOf(found: ReadonlyMap<string, readonly Course[]>): Awaited<ReturnType<Benchmark["run"]>> {
  const rows: string[][] = [];
  const targets: Target[] = [];
  for (const { labels, clicks } of studies) {
    const random = found.get(`${labels} random`);
    if (!random) continue;
    for (const way of allWays) {
      const courses = found.get(`${labels} ${way}`)!;
      const gain = meanAndError(courses.map(({ top1 }, draw) => top1.at(-1)! - random[draw]!.top1.at(-1)!));
      const share = meanAndError(courses.map(({ hits }) => (100 * hits) / (rounds * clicks))).mean;
      rows.push([
        `${labels}, ${clicks} a round, ${courses.length} draws`,
        ways[way],
        ...Array.from({ length: rounds + 1 }, (_, round) =>
          meanAndError(courses.map(({ top1 }) => top1[round]!)).mean.toFixed(1),
        ),
        way === "random" ? "" : signed(gain),
        `${share.toFixed(0)} %`,
      ]);
      if (labels !== 5 || way !== "suggest") continue;
      targets.push(
        {
          what: `${rounds * clicks} suggested images over as many random ones, 5 labels a class`,
          wanted: `+${wanted.points} points`,
          measured: `${signed(gain)} points`,
          met: gain.mean >= wanted.points,
        },
        {
          what: "share of them that shows one of the classes",
          wanted: `${wanted.share} %`,
          measured: `${share.toFixed(0)} %`,
          met: share >= wanted.share,
        },
      );
    }
  }
  return {
    title: "Which images to label next",
    columns: [
      "labels a class",
      "next labels",
      "top-1 %",
      ...Array.from({ length: rounds }, (_, round) => `round ${round + 1}`),
      "beside random",
      "of the classes",
    ],
    rows,
    targets,
    notes: [
      `Top-1 over 2,000 test images of ${vehicles.join(", ")} of the classifier of all labels, with the statistics of 11,500 unlabelled images of which six in ten show animals; the next labels are given to these. Means over the draws of the first labels, with the standard error of the differences of each draw.`,
    ],
    charts: chartsOf(found),
    data: [...found].map(([name, courses]) => ({ name, courses })),
  };
}
