import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../../src/core/index.ts";
import type { ImageSource } from "../../../src/data/index.ts";
import { openImages } from "../../../src/node/library.ts";
import { nodeTrainingPlatform } from "../../../src/node/training.ts";
import { shareOfClasses } from "../../../src/train/head/class-likeness.ts";
import { classLikeness } from "../../../src/train/index.ts";
import { colours, writeColouredImages } from "../../support/coloured-images.ts";
import { smallNetwork } from "../../support/small-network.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const length = 64;

/** Points around centres on a sphere, so many of each. */
function around(centres: readonly (readonly number[])[], counts: readonly number[], seed: number) {
  const random = seededRandom(seed);
  const labels = counts.flatMap((count, label) => Array.from({ length: count }, () => label));
  const features = new Float32Array(labels.length * length);
  labels.forEach((label, row) => {
    for (let j = 0; j < length; j++) features[row * length + j] = centres[label]![j]! + 0.2 * random.normal();
  });
  return { rows: labels.length, length, features, labels: Int32Array.from(labels) };
}

/** The first two are classes; what the others show is none of them. */
const centres = Array.from({ length: 6 }, (_, k) => Array.from({ length }, (__, j) => (j === k ? 1 : 0)));

describe("the share of images that show the classes", () => {
  it.each([
    ["all", [300, 300], 1],
    ["four in ten", [120, 120, 90, 90, 90, 90], 0.4],
    ["one in ten", [30, 30, 135, 135, 135, 135], 0.1],
    ["none", [0, 0, 150, 150, 150, 150], 0],
  ])("is found where %s do", (_, counts, share) => {
    const labelled = { ...around(centres, [100, 100], 1), numClasses: 2 };
    const found = shareOfClasses(labelled, around(centres, counts, 2))!;
    expect(Math.abs(found - share)).toBeLessThan(0.1);
  });

  it("is not told from one image a class", () => {
    const labelled = { ...around(centres, [1, 1], 1), numClasses: 2 };
    expect(shareOfClasses(labelled, around(centres, [50, 50], 2))).toBeUndefined();
  });

  it("is as many for a class of one image beside others", () => {
    const labelled = { ...around(centres, [25, 1], 1), numClasses: 2 };
    expect(shareOfClasses(labelled, around(centres, [300, 0], 2))).toBeGreaterThan(0.8);
  });
});

describe("images of a network", () => {
  const folder = temporaryFolder();
  const classes: string[] = [...colours];
  const network = smallNetwork({ classes });
  let images: ImageSource;

  beforeAll(async () => {
    await writeColouredImages(join(folder, "labelled"), 8);
    images = await openImages([join(folder, "labelled")]);
  });

  const likeness = async (name: string): Promise<number> => {
    const unlabelled = await openImages([join(folder, name)]);
    const options = { classes, unlabelled, cache: join(folder, "cache") };
    const found = await classLikeness(nodeTrainingPlatform, network, images, options);
    expect(found!.images).toBe(120);
    return found!.share;
  };

  it("tells those of the classes from grey ones", async () => {
    await writeColouredImages(join(folder, "own"), 40, 4);
    mkdirSync(join(folder, "grey"));
    const random = seededRandom(9);
    for (let i = 0; i < 120; i++) {
      const mean = 255 * random.uniform();
      const pixels = Uint8Array.from({ length: 20 * 20 * 3 }, (_, at) => mean + (at % 2));
      const grey = sharp(pixels, { raw: { width: 20, height: 20, channels: 3 } }).png();
      writeFileSync(join(folder, "grey", `${i}.png`), await grey.toBuffer());
    }
    const own = await likeness("own");
    expect(own).toBeGreaterThan(0.6);
    expect(await likeness("grey")).toBeLessThan(0.2);

    cpSync(join(folder, "grey"), join(folder, "labelled", "none"), { recursive: true });
    images = await openImages([join(folder, "labelled")]);
    classes.push("none");
    expect(await likeness("own")).toBe(own);
    expect(await likeness("grey")).toBeLessThan(0.2);
  });
});
