import { expect, it } from "vitest";
import { changesOf, type Origin } from "../../src/semi/index.ts";

const origin: Origin = {
  settings: { k: 5, recipe: { epochs: 3, scale: [0.5, 1], saveMinutes: 5 } },
  inputs: { teacher: "a1", "000000-a.tar.parquet": "b2" },
};

it("says what differs between origins", () => {
  expect(changesOf(origin, structuredClone(origin))).toEqual([]);
  const wanted: Origin = {
    settings: { ranking: "unbalanced", recipe: { epochs: null, scale: [0.4, 1], saveMinutes: 1 } },
    inputs: { teacher: "a2", "000001-b.tar.parquet": "b2" },
  };
  expect(changesOf(origin, wanted)).toEqual([
    "k 5 -> unset",
    "recipe.epochs 3 -> null",
    "recipe.scale [0.5,1] -> [0.4,1]",
    'ranking unset -> "unbalanced"',
    "teacher has changed",
    "000000-a.tar.parquet is gone",
    "000001-b.tar.parquet is new",
  ]);
});

it("takes a value that a recipe did not have yet for its default", () => {
  const { recipe } = origin.settings as { readonly recipe: object };
  const withLater = (values: object): Origin => ({
    ...origin,
    settings: { k: 5, recipe: { ...recipe, ...values } },
  });
  expect(changesOf(origin, withLater({ augmentProb: 1, grayscaleProb: 0, autoAugment: null }))).toEqual([]);
  expect(changesOf(origin, withLater({ augmentProb: 0.5, grayscaleProb: 0 }))).toEqual([
    "recipe.augmentProb unset -> 0.5",
  ]);
});

it("does not count when something is saved", () => {
  const later: Origin = {
    ...origin,
    settings: { k: 5, recipe: { epochs: 3, scale: [0.5, 1], saveMinutes: 60 } },
  };
  expect(changesOf(origin, later)).toEqual([]);
});
