import { availableParallelism } from "node:os";
import type { Browser } from "playwright-core";
import { createModel, openImages } from "ssl-resnext";
import { alternate, type Contestant, type Result } from "../measure/alternate.ts";
import { openPage, type PagePeer } from "../measure/page.ts";
import { servePages, type PageServer } from "../measure/page-server.ts";

/** Logits of photographs, in their order. */
type Logits = readonly (readonly number[])[];

/** How transformers.js is laid out. */
interface PeerSetting {
  /** Whether the page is isolated across origins: threads need that. */
  readonly isolated: boolean;
  /** Workers with a pipeline each. */
  readonly count: number;
  readonly threads: number;
  readonly batch: number;
}

interface PhotosRow {
  readonly result: Result;
  readonly setting: string;
}

/** How far the answers of a page are from Node's for the same photographs. */
interface Agreement {
  readonly name: string;
  readonly logits: number;
  readonly probabilities: number;
  /** Photographs whose first class is the same. */
  readonly sameClass: number;
}

export interface Photos {
  /** Ours in float32 and int8; transformers.js at its best and with a pipeline for each core, if it is here. */
  readonly rows: readonly PhotosRow[];
  readonly agreements: readonly Agreement[];
  /** The largest logit in Node, to which differences compare. */
  readonly largestLogit: number;
}

export interface PhotosOptions {
  /** Photographs that are chosen in the page. */
  readonly photos: readonly string[];
  /** Weights, in this machine's files and on the server. */
  readonly float32: { readonly path: string; readonly address: string };
  readonly int8: { readonly path: string; readonly address: string };
  /** Whether the server has transformers.js. */
  readonly peer: boolean;
  readonly rounds: number;
}

const cores = availableParallelism();

/** Photographs of a trial that looks for transformers.js' best setting. */
const trialPhotos = 16;

/** Classifies Files in Chromium with this package and with transformers.js, in turn. */
export async function photosInPages(
  browser: Browser,
  folders: Readonly<Record<string, string>>,
  { photos, float32, int8, peer, rounds }: PhotosOptions,
): Promise<Photos> {
  await using plain = await servePages({ folders });
  await using isolated = await servePages({ folders, isolated: true });
  const open = async (server: PageServer): Promise<PagePeer> => {
    const page = await openPage(browser, `${server.url}photos.html`);
    await page.page
      .locator("input")
      .first()
      .setInputFiles([...photos]);
    if (peer) await page.page.addScriptTag({ url: "/peers/transformers-js.js", type: "module" });
    return page;
  };
  // A page holds one setting of the peer at a time.
  const [ours, alone, perCore] = [await open(plain), await open(isolated), await open(plain)];
  const opened: PageContestant[] = [];
  for (const { name, weights } of [
    { name: "ssl-resnext, float32", weights: float32 },
    { name: "ssl-resnext, int8", weights: int8 },
  ]) {
    const { address } = weights;
    const plan = await ours.call<Plan>("load", { weights: address });
    opened.push({
      name,
      setting: `${plan.workers} workers, batch ${plan.batchSize}, no headers`,
      path: weights.path,
      run: () => ours.call<number>("run", { weights: address }),
      logits: () => ours.call<Logits>("logits", { weights: address }),
    });
  }
  if (peer) {
    const one = [
      { isolated: true, count: 1, threads: cores },
      { isolated: false, count: 1, threads: 1 },
    ];
    const many = [{ isolated: false, count: cores, threads: 1 }];
    for (const { name, layouts, pages } of [
      { name: "transformers.js, float32", layouts: one, pages: [alone, perCore] },
      { name: "transformers.js, a pipeline per core", layouts: many, pages: [perCore, perCore] },
    ]) {
      const setting = await fastest(layouts, pages);
      const page = pages[setting.isolated ? 0 : 1]!;
      opened.push({
        name,
        setting: describePeer(setting),
        path: float32.path,
        run: () => page.call<number>("runPeer", { batch: setting.batch }),
        logits: () => page.call<Logits>("logitsOfPeer"),
      });
    }
  }
  const agreements: Agreement[] = [];
  let largestLogit = 0;
  const expected = new Map<string, Logits>();
  for (const { name, path, logits } of opened) {
    const reference = expected.get(path) ?? (await nodeLogits(path, photos));
    expected.set(path, reference);
    agreements.push({ name, ...compare(await logits(), reference) });
    largestLogit = Math.max(largestLogit, ...reference.flat().map(Math.abs));
  }
  // All are warm: their answers were compared.
  const results = await alternate(opened, { rounds, warmup: 0 });
  await Promise.all([ours, alone, perCore].map((page) => page.end()));
  return {
    rows: results.map((result, index) => ({ result, setting: opened[index]!.setting })),
    agreements,
    largestLogit,
  };
}

/** A package in its page, and what its answers are compared with. */
interface PageContestant extends Contestant {
  readonly setting: string;
  /** Weights for Node. */
  readonly path: string;
  readonly logits: () => Promise<Logits>;
}

interface Plan {
  readonly workers: number;
  readonly batchSize: number;
}

/** Tries layouts with batches of one and four, and leaves the fastest one standing. */
async function fastest(
  layouts: readonly Omit<PeerSetting, "batch">[],
  [isolated, plain]: readonly PagePeer[],
): Promise<PeerSetting> {
  let best: { readonly setting: PeerSetting; readonly seconds: number } | undefined;
  for (const layout of layouts) {
    const page = layout.isolated ? isolated! : plain!;
    await page.call("loadPeer", { ...layout });
    for (const batch of [1, 4]) {
      await page.call("runPeer", { batch, photos: batch * layout.count });
      const seconds = await page.call<number>("runPeer", { batch, photos: trialPhotos });
      if (!best || seconds < best.seconds) best = { setting: { ...layout, batch }, seconds };
    }
  }
  return best!.setting;
}

const describePeer = ({ isolated, count, threads, batch }: PeerSetting): string =>
  `${count === 1 ? "1 worker" : `${count} workers`}, ${threads === 1 ? "1 thread" : `${threads} threads`} each, ` +
  `batch ${batch}, ${isolated ? "isolated page" : "no headers"}`;

async function nodeLogits(weights: string, photos: readonly string[]): Promise<Logits> {
  const model = await createModel("resnext50_32x4d", { weights });
  const found: number[][] = [];
  for await (const result of model.run(["logits"], await openImages([...photos]))) {
    if ("error" in result) throw result.error;
    found.push([...result.outputs["logits"]!.data]);
  }
  await model.release();
  return found;
}

function compare(found: Logits, expected: Logits): Omit<Agreement, "name"> {
  const largest = (values: Logits, others: Logits): number =>
    Math.max(
      ...values.flatMap((row, image) => row.map((value, index) => Math.abs(value - others[image]![index]!))),
    );
  return {
    logits: largest(found, expected),
    probabilities: largest(found.map(softmax), expected.map(softmax)),
    sameClass: found.filter((row, image) => best(row) === best(expected[image]!)).length,
  };
}

const best = (values: readonly number[]): number => values.indexOf(Math.max(...values));

function softmax(logits: readonly number[]): readonly number[] {
  const highest = Math.max(...logits);
  const powers = logits.map((value) => Math.exp(value - highest));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}
