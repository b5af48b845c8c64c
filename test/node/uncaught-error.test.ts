import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { WeightsError } from "../../src/core/index.ts";

const built = new URL("../../dist/", import.meta.url).href;

/** What Node prints of the error that ends this program. */
function printed(program: string): readonly string[] {
  const flags = ["--input-type=module", "--eval", program];
  const { stderr, status } = spawnSync(process.execPath, flags, { encoding: "utf8" });
  expect(status).toBe(1);
  return stderr.trimEnd().split("\n");
}

describe("an error that nobody catches", () => {
  it("is shown with its message, and without those underneath", () => {
    const lines = printed(`
      import { pretrainedWeights } from ${JSON.stringify(`${built}node/index.js`)};
      const hub = { baseUrl: "http://nowhere.invalid/", mirrorUrl: "http://nowhere.invalid/" };
      await pretrainedWeights("ssl_resnet18", hub);`);
    expect(lines).toContain("WeightsError: The weights could not be downloaded.");
    expect(lines.filter((line) => line.includes("nowhere.invalid"))).toHaveLength(3);
    expect(lines.join("\n")).not.toMatch(/AggregateError|fetch failed|errno/);
    expect(lines.length).toBeLessThan(22);
  });

  it("keeps its cause for programs", () => {
    const cause = new Error("underneath");
    const error = new WeightsError("weights/some", "Something.", { cause });
    expect(error.cause).toBe(cause);
    expect(Object.keys(error)).toEqual(["code", "name"]);
    expect("cause" in new WeightsError("weights/some", "Something.")).toBe(false);
  });
});
