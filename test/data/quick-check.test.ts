import { copyFileSync, mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import {
  quickProblems,
  type ImageItem,
  type ImageSet,
  type ImageSource,
  type NamedSet,
} from "../../src/data/index.ts";
import { openImages } from "../../src/node/library.ts";
import { nodePlatform } from "../../src/node/platform.ts";
import { writeColouredImages } from "../support/coloured-images.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const at = (...names: readonly string[]): string => join(folder, ...names);

async function opened(set: ImageSet, path: string): Promise<NamedSet> {
  return { set, images: await openImages([path]) };
}

/** Kinds and sentences, paths below the folder alone. */
async function found(...sets: readonly NamedSet[]): Promise<readonly string[]> {
  const problems = await quickProblems(nodePlatform, sets);
  return problems.map(({ kind, text }) => `${kind}: ${text.replaceAll(`${folder}/`, "")}`);
}

beforeAll(async () => {
  await writeColouredImages(at("data"), 4, 1);
  await writeColouredImages(at("test"), 4, 2);
  await writeColouredImages(at("more"), 4, 3);
});

describe("a look at images", () => {
  it("finds nothing in what is right", async () => {
    const sets = [
      await opened("labelled", at("data")),
      await opened("test", at("test")),
      await opened("unlabelled", at("more")),
    ];
    expect(await found(...sets)).toEqual([]);
  });

  it("finds empty files, files that are there twice, and classes of few images", async () => {
    await writeColouredImages(at("bad"), 5, 4);
    writeFileSync(at("bad", "red", "empty.png"), "");
    copyFileSync(at("bad", "red", "0.png"), at("bad", "red", "again.png"));
    copyFileSync(at("bad", "red", "1.png"), at("bad", "blue", "again.png"));
    copyFileSync(at("test", "green", "2.png"), at("bad", "green", "test-2.png"));
    copyFileSync(at("test", "green", "3.png"), at("more", "test-3.png"));
    copyFileSync(at("bad", "green", "4.png"), at("more", "labelled-since.png"));
    mkdirSync(at("bad", "owl"));
    copyFileSync(at("more", "red", "3.png"), at("bad", "owl", "only.png"));
    const sets = [
      await opened("labelled", at("bad")),
      await opened("test", at("test")),
      await opened("unlabelled", at("more")),
    ];
    expect(await found(...sets)).toEqual([
      "unreadable: 1 file is empty: bad/red/empty.png.",
      "leak: 2 files are among the test images too, and the accuracy there comes out too high: bad/green/test-2.png and test/green/2.png.",
      "two-labels: 1 file stands in two classes: bad/red/1.png and bad/blue/again.png.",
      "copy: 1 file is a copy of others: bad/red/again.png and bad/red/0.png.",
      "single: 1 class has a single labelled image: owl. Nothing can judge how well it is recognised; add images.",
      "imbalance: The classes are uneven: red has 7 labelled images, owl 1. Add images of the small ones, or train with --sampler class-balanced.",
      "missing-class: 1 class is not in both the labelled and the test images: owl.",
    ]);
  });

  it("does not ask for as many images of none as of a class", async () => {
    await writeColouredImages(at("refused"), 5, 5);
    await writeColouredImages(at("refused", "none"), 10, 6);
    expect(await found(await opened("labelled", at("refused")))).toEqual([]);
  });

  it("reads so many bytes and no more, the shortest files first", async () => {
    await writeColouredImages(at("long"), 2, 7);
    copyFileSync(at("long", "red", "0.png"), at("long", "red", "again.png"));
    for (const name of ["a.png", "b.png"]) {
      writeFileSync(at("long", "red", name), "");
      truncateSync(at("long", "red", name), 40_000_000);
    }
    expect(await found(await opened("labelled", at("long")))).toEqual([
      "copy: 1 or more files are copies of others: long/red/again.png and long/red/0.png.",
    ]);
  });

  it("fails no run for a file that is gone", async () => {
    await writeColouredImages(at("going"), 3, 8);
    copyFileSync(at("going", "red", "0.png"), at("going", "red", "again.png"));
    const { images } = await opened("labelled", at("going"));
    const items: ImageItem[] = [];
    for await (const item of images) items.push(item);
    rmSync(at("going"), { recursive: true });
    const source: ImageSource = {
      classes: images.classes,
      size: items.length,
      async *[Symbol.asyncIterator]() {
        yield* items;
      },
    };
    expect(await found({ set: "labelled", images: source })).toEqual([]);
    expect(await found({ set: "labelled", images })).toEqual([]);
  });

  it("leaves alone what is not a file here, very many images, and what can be read once", async () => {
    let walks = 0;
    const source = (size: number | undefined, content: object): ImageSource => ({
      classes: ["a"],
      size,
      async *[Symbol.asyncIterator]() {
        walks++;
        yield { id: "a/1.png", label: "a", content: content as { path: string } };
      },
    });
    const sets = [
      source(20_001, { path: at("data", "red", "0.png") }),
      source(undefined, { path: at("data", "red", "0.png") }),
    ];
    for (const images of sets) expect(await found({ set: "labelled", images })).toEqual([]);
    expect(walks).toBe(0);
    const remote = source(1, { path: "https://localhost:1/a.png" });
    expect(await found({ set: "labelled", images: remote })).toEqual([]);
    expect(await found({ set: "labelled", images: source(1, { bytes: new Uint8Array(3) }) })).toEqual([]);
  });
});
