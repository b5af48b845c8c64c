import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../src/core/index.ts";
import { openImages } from "../../src/node/library.ts";
import { suggestImages } from "../../src/node/semi.ts";
import type { SuggestImagesOptions, Suggestions } from "../../src/semi/index.ts";
import { clusters } from "../../src/semi/suggest/clusters.ts";
import { colouredPng, writeColouredImages } from "../support/coloured-images.ts";
import { smallNetwork } from "../support/small-network.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
const network = smallNetwork();

async function suggested(
  labelled: string,
  options: Partial<SuggestImagesOptions> = {},
): Promise<Suggestions> {
  const running = suggestImages(network, {
    labelled: await openImages([at(labelled)]),
    unlabelled: await openImages([at("others")]),
    cache: at("cache"),
    ...options,
  });
  let next = await running.next();
  while (!next.done) next = await running.next();
  return next.value;
}

const idsOf = ({ suggestions }: Suggestions): readonly string[] => suggestions.map(({ image }) => image.id);

beforeAll(async () => {
  await writeColouredImages(at("photos"), 5);
  mkdirSync(at("others"));
  const random = seededRandom(3);
  for (let i = 0; i < 60; i++) writeFileSync(at("others", `own-${i}.png`), await colouredPng(i % 3, random));
  for (let i = 0; i < 90; i++) {
    const means = [0, 0, 0].map(() => 255 * random.uniform());
    const pixels = Uint8Array.from({ length: 20 * 20 * 3 }, (_, j) =>
      Math.min(255, Math.max(0, means[j % 3]! + 200 * (random.uniform() - 0.5))),
    );
    const noise = sharp(pixels, { raw: { width: 20, height: 20, channels: 3 } }).png();
    writeFileSync(at("others", `foreign-${i}.png`), await noise.toBuffer());
  }
});

describe("suggested images", () => {
  it("are likely to show a class, uncertain, and of groups of their own", async () => {
    const found = await suggested("photos", { count: 10 });
    const { suggestions, classes, counts } = found;
    expect(classes).toEqual(["blue", "green", "red"]);
    expect(counts).toEqual({ labelled: 15, none: 0, unlabelled: 150, known: 0 });
    expect(suggestions).toHaveLength(10);
    const margins = suggestions.map(({ margin }) => margin);
    expect(margins).toEqual(margins.toSorted((a, b) => a - b));
    for (const { classes: named, margin, belongs } of suggestions) {
      const sum = named.reduce((total, { probability }) => total + probability, 0);
      expect(sum).toBeCloseTo(1, 5);
      expect(named[0]!.probability - named[1]!.probability).toBeCloseTo(margin, 6);
      expect(belongs).toBeGreaterThan(0);
    }
    // Two in five unlabelled images show a class.
    const own = idsOf(found).filter((id) => id.includes("own-"));
    expect(own.length).toBeGreaterThanOrEqual(7);
    const groups = new Set(suggestions.map(({ group }) => group));
    expect(groups.size).toBeGreaterThanOrEqual(8);
  });

  it("are the same again, and others by another seed", async () => {
    const first = await suggested("photos");
    expect(await suggested("photos")).toEqual(first);
    expect(idsOf(await suggested("photos", { seed: 1 }))).not.toEqual(idsOf(first));
  });

  it("have no label yet, whatever the labelled copy is called, and those that were refused neither", async () => {
    const first = idsOf(await suggested("photos", { count: 12 }));
    await writeColouredImages(at("more"), 5);
    mkdirSync(at("more", "none"));
    first.forEach((id, i) => {
      copyFileSync(id, at("more", i < 4 ? "blue" : "none", `copy-${i}.png`));
    });
    const next = await suggested("more", { count: 12 });
    expect(next.counts).toEqual({ labelled: 19, none: 8, unlabelled: 150, known: 12 });
    expect(next.classes).toEqual(["blue", "green", "red"]);
    expect(next.suggestions).toHaveLength(12);
    expect(idsOf(next).filter((id) => first.includes(id))).toEqual([]);
  });

  it("learn from those that were refused: what looks like them belongs less", async () => {
    const before = await suggested("photos", { count: 20 });
    const foreign = idsOf(before).filter((id) => id.includes("foreign-"));
    await writeColouredImages(at("refused"), 5);
    mkdirSync(at("refused", "none"));
    for (let i = 0; i < 40; i++) {
      copyFileSync(at("others", `foreign-${i}.png`), at("refused", "none", `${i}.png`));
    }
    const after = idsOf(await suggested("refused", { count: 20 })).filter((id) => id.includes("foreign-"));
    expect(after.length).toBeLessThanOrEqual(foreign.length);
  });

  it("are all images where these are fewer than asked for", async () => {
    const few = await openImages([0, 1, 2].map((i) => at("others", `own-${i}.png`)));
    expect(idsOf(await suggested("photos", { unlabelled: few, count: 20 })).toSorted()).toEqual(
      [0, 1, 2].map((i) => at("others", `own-${i}.png`)),
    );
  });

  it("need two classes, and images without a label", async () => {
    mkdirSync(at("one", "blue"), { recursive: true });
    copyFileSync(at("photos", "blue", "0.png"), at("one", "blue", "0.png"));
    await expect(suggested("one")).rejects.toMatchObject({
      code: "semi/settings",
      message: expect.stringContaining("two classes or more, found blue") as string,
    });
    const known = await openImages([at("photos")]);
    await expect(suggested("photos", { unlabelled: known })).rejects.toMatchObject({
      code: "data/no-images",
      message: "Every unlabelled image has a label already.",
    });
  });
});

describe("clusters", () => {
  it("hold what has one direction, whatever its length", () => {
    const directions = [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ];
    const features = Float32Array.from(
      Array.from({ length: 12 }, (_, i) => directions[i % 3]!.map((value) => value * (i + 1))).flat(),
    );
    const found = clusters({ rows: 12, length: 3, features }, [...Array(12).keys()], { count: 12, seed: 0 });
    expect(new Set(found).size).toBe(3);
    found.forEach((cluster, i) => expect(cluster).toBe(found[i % 3]));
  });
});
