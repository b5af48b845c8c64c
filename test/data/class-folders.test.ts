import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { ImageSource } from "../../src/data/index.ts";
import { openImages } from "../../src/node/library.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { collect } from "./collect.ts";

const at = temporaryFolder();
let made = 0;

/** A folder of these files, those that end in a slash being folders. */
function folderOf(files: readonly string[]): string {
  const folder = join(at, `${++made}`, "photos");
  for (const file of files) {
    const path = join(folder, file);
    mkdirSync(file.endsWith("/") ? path : dirname(path), { recursive: true });
    if (!file.endsWith("/"))
      writeFileSync(path, file.endsWith("recipe.yaml") ? "# The recipe of this run:" : "");
  }
  return folder;
}

/** The same as archives: of the folder, of what is in it, and compressed. */
function tarsOf(folder: string): readonly string[] {
  const [parent, name] = [dirname(folder), "photos"];
  const tar = (file: string, ...what: string[]): string => {
    execFileSync("tar", ["--exclude", "*.tar*", "--sort", "name", "-cf", join(parent, file), ...what]);
    return join(parent, file);
  };
  const whole = tar("whole.tar", "-C", parent, name);
  const inside = tar("inside.tar", "-C", folder, ".");
  const deep = tar(
    "deep.tar",
    "-C",
    dirname(dirname(parent)),
    parent.slice(dirname(dirname(parent)).length + 1),
  );
  const compressed = join(parent, "whole.tar.gz");
  writeFileSync(compressed, gzipSync(execFileSync("cat", [whole])));
  return [whole, inside, deep, compressed];
}

/** Classes and labels of a source, the images by their path in the folder. */
async function seen(source: ImageSource | undefined): Promise<object | undefined> {
  if (!source) return undefined;
  const images = (await collect(source)).map(({ id, label }) => {
    const path = id.replace(/^.*?photos\//, "").replace(/^.*\.tar(?:\.gz)?\//, "");
    return `${path}: ${label ?? "none"}`;
  });
  const { classes, size, splits } = source;
  return {
    classes,
    size,
    images: images.sort(),
    training: await seen(splits?.training),
    validation: await seen(splits?.validation),
  };
}

const cases: Readonly<Record<string, readonly string[]>> = {
  "class folders": ["cat/1.jpg", "dog/1.jpg", "dog/2.jpg"],
  "class folders of other depth, and an empty one": [
    "cat/1.jpg",
    "cat/a/b/2.jpg",
    "dog/deep/1.jpg",
    "empty/",
  ],
  "an image beside them": ["loose.jpg", "cat/1.jpg", "dog/1.jpg"],
  "the folder of a run among them": ["cat/1.jpg", "dog/1.jpg", "run/recipe.yaml", "run/heat/1.png"],
  "train and val": ["train/cat/1.jpg", "train/dog/deep/1.jpg", "val/cat/2.jpg", "val/dog/2.jpg"],
  "train, val and test": ["train/cat/1.jpg", "train/dog/1.jpg", "val/cat/2.jpg", "test/dog/2.jpg"],
  "Training and Testing": [
    "Training/cat/1.jpg",
    "Training/dog/1.jpg",
    "Testing/cat/2.jpg",
    "Testing/dog/2.jpg",
  ],
  "train with class folders, test without": ["train/cat/1.jpg", "train/dog/1.jpg", "test/1.jpg"],
  "train and valid beside images without labels": [
    "train/cat/1.jpg",
    "train/dog/1.jpg",
    "valid/cat/2.jpg",
    "unlabelled/1.jpg",
  ],
  "a class test beside others": ["cat/1.jpg", "dog/1.jpg", "test/1.jpg"],
  "a class train beside others": ["bus/1.jpg", "car/1.jpg", "train/1.jpg", "test/1.jpg"],
  "a class train with folders of its own beside others": ["bus/1.jpg", "train/steam/1.jpg", "test/a/1.jpg"],
};

describe("a folder and archives of it", () => {
  it.each(Object.entries(cases))("agree on %s", async (_, files) => {
    const folder = folderOf(files);
    const expected = await seen(await openImages([folder]));
    for (const tar of tarsOf(folder))
      expect(await seen(await openImages([tar])), `the classes of ${tar}`).toEqual(expected);
  });
});

describe("splits", () => {
  const splitsOf = async (name: string): Promise<object> => {
    const folder = folderOf(cases[name]!);
    const { splits, classes } = await openImages([folder]);
    const short = (path: string): string => path.slice(folder.length + 1);
    return {
      classes,
      training: splits?.names.training.map(short),
      validation: splits?.names.validation.map(short),
      unused: splits?.names.unused.map(short),
      sizes: [splits?.training.size, splits?.validation?.size],
    };
  };

  it.each([
    ["train and val", ["train"], ["val"], [], [2, 2]],
    ["train, val and test", ["train"], ["val"], ["test"], [2, 1]],
    ["Training and Testing", ["Training"], ["Testing"], [], [2, 2]],
    ["train with class folders, test without", ["train"], [], ["test"], [2, undefined]],
    ["train and valid beside images without labels", ["train"], ["valid"], ["unlabelled"], [2, 1]],
  ])("are found in %s", async (name, training, validation, unused, sizes) => {
    expect(await splitsOf(name)).toEqual({ classes: ["cat", "dog"], training, validation, unused, sizes });
  });

  it.each([
    ["a class test beside others", ["cat", "dog", "test"]],
    ["a class train beside others", ["bus", "car", "test", "train"]],
    ["a class train with folders of its own beside others", ["bus", "test", "train"]],
  ])("are none in %s", async (name, classes) => {
    expect(await splitsOf(name)).toMatchObject({ classes, training: undefined });
  });

  it("of several inputs go together, and data in one piece is for training", async () => {
    const split = folderOf(cases["train and val"]!);
    const whole = folderOf(cases["class folders"]!);
    const { splits, classes } = await openImages([split, whole]);
    expect([classes, splits?.training.size, splits?.validation?.size]).toEqual([["cat", "dog"], 5, 2]);
  });
});

it("takes an archive of one class for that, as shards of one class each are", async () => {
  const folder = folderOf(["cat/1.jpg", "cat/2.jpg"]);
  const [whole, inside] = tarsOf(folder);
  expect((await openImages([whole!])).classes).toEqual(["cat"]);
  expect((await openImages([inside!])).classes).toEqual(["cat"]);
});
