import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { imagenetClass, imagenetClasses, imagenetSubset } from "../../src/data/index.ts";

describe("ImageNet's classes", () => {
  it("are 1000 with ids that ascend in WordNet's order, and are found by id", async () => {
    const ids = (await imagenetClasses()).map(({ wnid }) => wnid);
    expect(ids).toHaveLength(1000);
    expect(new Set(ids).size).toBe(1000);
    expect(ids.toSorted()).toEqual(ids);
    expect(await imagenetClass("n01440764")).toEqual({
      index: 0,
      wnid: "n01440764",
      label: "tench",
      lemmas: ["tench", "Tinca tinca"],
    });
    expect(await imagenetClass("n99999999")).toBeUndefined();
  });

  it("have subsets of 200 for ImageNet-A and ImageNet-R", () => {
    for (const name of ["a", "r"] as const) {
      const subset = imagenetSubset(name);
      expect(new Set(subset).size).toBe(200);
      expect(subset.every((index, i) => index < 1000 && (i === 0 || index > subset[i - 1]!))).toBe(true);
    }
  });
});

const facts = new URL("../../../shared/data/imagenet/", import.meta.url).pathname;

describe.skipIf(!existsSync(facts))("against the table of facts (skipped without ../shared/data)", () => {
  const lines = (file: string): string[] => readFileSync(`${facts}${file}`, "utf8").trim().split("\n");

  it("agrees line by line", async () => {
    const table = (await imagenetClasses()).map(({ index, wnid, lemmas }) =>
      [index, wnid, lemmas.join(", ")].join("\t"),
    );
    expect(table).toEqual(lines("classes.tsv").slice(1));
    for (const name of ["a", "r"] as const) {
      expect(imagenetSubset(name)).toEqual(lines(`imagenet-${name}-indices.txt`).map(Number));
    }
  });
});
