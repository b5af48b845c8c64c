import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);
const cli = (...args: string[]): Promise<{ stdout: string }> => run("node", ["dist/cli/main.js", ...args]);

/** The whole system, from drawn pictures to an exported model, without network and in under 20 seconds. */
describe("the whole system", () => {
  let folder: string;
  let weights: string;
  let example: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "ssl-resnext-tiny-"));
    weights = join(folder, "textures.safetensors");
    example = (await run("node", ["examples/random-features.mjs", folder, "8"])).stdout;
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("is shown by the example to its end", () => {
    expect(example).toContain("4. Validating it");
  });

  it("validates far above chance", async () => {
    const { stdout } = await cli("validate", join(folder, "train"), "--weights", weights, "--json");
    const report = JSON.parse(stdout.trim().split("\n").at(-1)!) as { top1: number; top5: number };
    expect(report.top1).toBeGreaterThan(80);
    expect(report.top5).toBeGreaterThanOrEqual(report.top1);
  });

  it("classifies and embeds files", async () => {
    const image = join(folder, "train/dots", readdirSync(join(folder, "train/dots"))[0]!);
    const classified = await cli("classify", image, "--weights", weights, "--json", "--topk", "2");
    const line = JSON.parse(classified.stdout) as { image: string; predictions: { probability: number }[] };
    expect(line.image).toBe(image);
    expect(line.predictions).toHaveLength(2);

    const embedded = await cli("embed", image, "--weights", weights, "--json");
    expect((JSON.parse(embedded.stdout) as { embedding: number[] }).embedding).toHaveLength(2048);
  });

  it("exports what it classifies with, and says what it is", async () => {
    const onnx = join(folder, "textures.onnx");
    await cli("export", "--weights", weights, "--output", onnx);
    expect((await readFile(onnx)).byteLength).toBeGreaterThan(1e6);

    const { stdout } = await cli("info", weights, "--json");
    expect(stdout).toContain("examples/random-features.mjs");
  });
});
