import { describe, expect, it } from "vitest";
import { fewEpochs } from "../../src/cli/semi/view.ts";
import type { SemiEvent } from "../../src/semi/index.ts";

/** The epochs of a training of so many that are shown. */
function shown(epochs: number): readonly number[] {
  const isShown = fewEpochs();
  isShown({ type: "training", stage: "teacher", event: { type: "started", plan: { epochs } } } as SemiEvent);
  return Array.from({ length: epochs }, (_, index) => index + 1).filter((epoch) =>
    isShown({ type: "training", stage: "teacher", event: { type: "epoch", epoch } } as SemiEvent),
  );
}

describe("the epochs that a run shows", () => {
  it("are all of a short training", () => {
    expect(shown(5)).toEqual([1, 2, 3, 4, 5]);
  });

  it("are eight at most of a long one, with the last", () => {
    expect(shown(40)).toEqual([5, 10, 15, 20, 25, 30, 35, 40]);
    expect(shown(41).at(-1)).toBe(41);
    expect(shown(41).length).toBeLessThanOrEqual(8);
  });
});
