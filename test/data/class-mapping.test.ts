import { describe, expect, it } from "vitest";
import { imagenetClasses, mapClasses } from "../../src/data/index.ts";

const imagenet = await imagenetClasses();

describe("mapClasses", () => {
  it("maps WordNet ids, names of any lemma, and indices", () => {
    expect([...mapClasses(["n01440764", "n15075141"], imagenet).values()]).toEqual([0, 999]);
    expect([...mapClasses(["Great_White_Shark", "man-eater", "Tinca tinca"], imagenet).values()]).toEqual([
      2, 2, 0,
    ]);
    expect([...mapClasses(["0", "007", "999"], imagenet).values()]).toEqual([0, 7, 999]);
    expect([...mapClasses(["dog", "cat"], ["cat", "dog"])]).toEqual([
      ["dog", 1],
      ["cat", 0],
    ]);
  });

  it("takes digits for names when the model's classes are called so", () => {
    expect(mapClasses(["2", "1"], ["1", "2", "3"]).get("1")).toBe(0);
  });

  it("prefers a first lemma to a later one of another class", () => {
    const missile = imagenet.filter(({ lemmas }) => lemmas.includes("missile"));
    expect(missile.length).toBeGreaterThan(1);
    const first = missile.find(({ label }) => label === "missile")!;
    expect(mapClasses(["missile"], imagenet).get("missile")).toBe(first.index);
  });

  it("compares names exactly first, and loosely only where exactly nothing fits", () => {
    const own = ["a", "A", "hot dog", "hot_dog", "Über"];
    expect([...mapClasses(own, own).values()]).toEqual([0, 1, 2, 3, 4]);
    expect([...mapClasses(["A", "hot_dog", "über"], own).values()]).toEqual([1, 3, 4]);
    expect([...mapClasses(["Cat", "DOG_house"], ["dog house", "cat"]).values()]).toEqual([1, 0]);
  });

  it("does not make one class of labels that differ in case or underscore alone", () => {
    expect(() => mapClasses(["A", "a"], ["a", "b"])).toThrow(/1 of 2 do not: A\./);
    expect(() => mapClasses(["hot dog", "hot_dog"], ["Hot Dog", "cat"])).toThrow(/2 of 2 do not/);
    expect(() => mapClasses(["HOT DOG"], ["hot dog", "hot_dog"])).toThrow(/HOT DOG \(may be 0 or 1\)/);
  });

  it("lists all of a few classes, says whose they are, and speaks of WordNet ids where there are some", () => {
    const own = ["cat", "dog"];
    expect(() => mapClasses(["owl"], own)).toThrow(
      "expected labels that name the 2 classes of the model (cat, dog) by name or index; 1 of 1 do not: owl. Take the folder",
    );
    expect(() => mapClasses(["owl"], own, { what: "photos", owner: "the others", remedy: "Go." })).toThrow(
      /^photos: expected labels that name the 2 classes of the others \(cat, dog\) by name or index; 1 of 1 do not: owl\. Go\.$/,
    );
    expect(() => mapClasses(["owl", "x"], imagenet)).toThrow(
      /the 1000 classes of the model \(n01440764, .*, \.\.\.\) by WordNet id, name or index; [12] of 2 do not/,
    );
  });

  it("lists what does not match, and what may be two classes", () => {
    expect(() => mapClasses(["n01440764", "train", "val"], imagenet)).toThrow(/2 of 3 do not: train, val\./);
    expect(() => mapClasses(["crane"], imagenet)).toThrow(/crane \(may be 134 or 517\)/);
    expect(() => mapClasses(["2"], ["cat", "dog"])).toThrow(
      expect.objectContaining({ code: "data/class-mismatch" }) as Error,
    );
  });
});
