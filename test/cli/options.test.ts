import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { measureRuns } from "../../src/cli/benchmark/run.ts";
import { parseOptions, type OptionTable } from "../../src/cli/options/command.ts";
import { flag, integer, integers, oneOf, share } from "../../src/cli/options/schemas.ts";
import { outputFormat } from "../../src/cli/output/write-answers.ts";
import { UsageError } from "../../src/core/index.ts";
import { runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const table = {
  inputSize: {
    flags: "--input-size <n>",
    alias: "--img-size",
    about: "",
    schema: integer(1, 512).optional(),
  },
  topk: { flags: "-k, --topk <n>", about: "", schema: integer(1).default(5) },
  cropPct: { flags: "--crop-pct <share>", about: "", schema: share.optional() },
  exif: { flags: "--exif", about: "", schema: flag },
  sizes: { flags: "--sizes <list>", about: "", schema: integers(1, 9).default([1]) },
  device: { flags: "--device <name>", about: "", schema: oneOf(["cpu", "webgpu"]).default("cpu") },
} satisfies OptionTable;

describe("options", () => {
  it("fill in the defaults", () => {
    expect(parseOptions({}, table)).toEqual({
      inputSize: undefined,
      topk: 5,
      cropPct: undefined,
      exif: false,
      sizes: [1],
      device: "cpu",
    });
  });

  it("read the text of the command line, aliases too", () => {
    const given = { imgSize: "64", topk: "3", cropPct: "0.9", exif: true, sizes: "1, 8", device: "webgpu" };
    expect(parseOptions(given, table)).toEqual({
      inputSize: 64,
      topk: 3,
      cropPct: 0.9,
      exif: true,
      sizes: [1, 8],
      device: "webgpu",
    });
  });

  it.each([
    [{ topk: "0" }, '--topk: expected a whole number of at least 1; got "0".'],
    [{ topk: "1e2" }, "--topk: expected a whole number"],
    [{ inputSize: "513" }, "--input-size: expected a whole number from 1 to 512"],
    [{ cropPct: "0" }, "--crop-pct: expected a number above 0 and at most 1"],
    [{ sizes: "1,x" }, "--sizes: expected whole numbers from 1 to 9, with commas between"],
    [{ device: "tpu" }, "--device: expected one of cpu, webgpu"],
  ])("%j is refused", (given, message) => {
    expect(() => parseOptions(given, table)).toThrow(UsageError);
    expect(() => parseOptions(given, table)).toThrow(message);
  });
});

describe("output format", () => {
  const none = { json: false, format: undefined, output: undefined };

  it.each([
    [{}, "table"],
    [{ json: true }, "jsonl"],
    [{ format: "csv" as const }, "csv"],
    [{ output: "a.PARQUET" }, "parquet"],
    [{ output: "a.csv", format: "jsonl" as const }, "jsonl"],
  ])("%j is %s", (options, format) => expect(outputFormat({ ...none, ...options })).toBe(format));

  it("refuses two formats, and Parquet on standard output", () => {
    expect(() => outputFormat({ ...none, json: true, format: "csv" })).toThrow("give one of the two");
    expect(() => outputFormat({ ...none, format: "parquet" })).toThrow("needs --output");
  });
});

describe("measured runs", () => {
  it("leave out the warm-up and report each run", async () => {
    const seen: number[] = [];
    let runs = 0;
    const run = (): Promise<void> => {
      runs++;
      return Promise.resolve();
    };
    const timing = await measureRuns(run, {
      batchSize: 2,
      warmUp: 1,
      runs: 4,
      onRun: (done) => seen.push(done),
    });
    expect(runs).toBe(5);
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    const [fastest, slowest] = timing.range;
    expect(timing.millisecondsPerImage).toBeGreaterThanOrEqual(fastest);
    expect(timing.millisecondsPerImage).toBeLessThanOrEqual(slowest);
    expect(timing.imagesPerSecond).toBeCloseTo(1000 / timing.millisecondsPerImage);
  });
});

describe("a setting that is true or false", () => {
  const folder = temporaryFolder();
  const line = ["semi", "run", "--method", "paper", "--labelled", "photos"];
  const out = ["-o", join(folder, "run")];

  it.each(["--scratch", "--teach", "--baseline", "--ema"])(
    "is true by %s alone, before another flag",
    async (given) => {
      const { code, stderr } = await runCli([...line, given, ...out]);
      expect(code).toBe(2);
      // What comes after the command line was read.
      expect(stderr).toMatch(/^error: Say what to start from/);
    },
  );

  it("takes a word that is neither for a mistake", async () => {
    const { code, stderr } = await runCli([...line, "--scratch", "perhaps", ...out]);
    expect(code).toBe(2);
    expect(stderr).toContain('--scratch: expected true or false; got "perhaps".');
  });
});
