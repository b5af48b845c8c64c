import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { seededRandom } from "../../src/core/index.ts";
import { exportSafetensors, openModel } from "../../src/node/library.ts";
import type { TrainingEvent } from "../../src/train/run/options.ts";
import { writeColouredImages } from "../support/coloured-images.ts";
import { ended, jsonLines, killSeed, runCli, startCli, type CliRun } from "../support/run-cli.ts";
import { smallNetwork } from "../support/small-network.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { tensorsOf } from "../support/tensors-of.ts";

const folder = temporaryFolder();
const data = join(folder, "photos");
const weights = join(folder, "small.safetensors");
const line = (name: string, ...more: readonly string[]): readonly string[] =>
  [
    ["adapt", data, "-w", weights, "-o", join(folder, `${name}.safetensors`)],
    "--json --epochs 4 --batch-size 8".split(" "),
    more,
  ].flat();
let run: CliRun;

beforeAll(async () => {
  await writeColouredImages(data, 16);
  await exportSafetensors(smallNetwork({ inputSize: 16, stem: "cifar", numClasses: 5 }), weights);
  run = await runCli(line("adapted"));
});

describe("adapt", () => {
  it("learns to find the views of an image, and says so", () => {
    expect(run.stderr).toBe("");
    expect(run.code).toBe(0);
    const events = jsonLines<TrainingEvent>(run.stdout);
    expect(events[0]).toMatchObject({ type: "started", classes: [], trainingImages: 48 });
    const losses = events.flatMap((event) => (event.type === "epoch" ? [event.trainLoss] : []));
    expect(losses).toHaveLength(4);
    // Chance is the logarithm of the 15 other views of a batch.
    expect(losses[0]).toBeLessThan(Math.log(15) + 0.5);
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
  });

  it("leaves a network without a classifier, and what it was made of", async () => {
    const path = join(folder, "adapted.safetensors");
    const { description } = await openModel(path);
    expect(description.config.numClasses).toBe(0);
    expect(description.classes).toEqual([]);
    expect(description.provenance["data"]).toContain("48 images without labels");
    const names = [...(await tensorsOf(path)).keys()];
    expect(names.filter((name) => /^(fc|projection)\./.test(name))).toEqual([]);
    expect(existsSync(join(folder, "adapted.run", "report.html"))).toBe(true);
    const embedded = await runCli(["embed", join(data, "red", "0.png"), "-w", path, "--json"]);
    expect(embedded.code).toBe(0);
  });

  it("looks at no label", async () => {
    const flat = join(folder, "flat");
    await writeColouredImages(flat, 16);
    // The same images in the same order, in folders that say something else.
    renameSync(join(flat, "blue"), join(flat, "a"));
    renameSync(join(flat, "green"), join(flat, "b"));
    renameSync(join(flat, "red"), join(flat, "c"));
    const args = line("unlabelled").map((word) => (word === data ? flat : word));
    expect((await runCli(args)).code).toBe(0);
    expect(await tensorsOf(join(folder, "unlabelled.safetensors"))).toEqual(
      await tensorsOf(join(folder, "adapted.safetensors")),
    );
  });

  it(`goes on after a kill as if nothing had happened (SSL_RESNEXT_KILL_SEED=${killSeed})`, async () => {
    const after = seededRandom(killSeed).integer(20);
    const child = startCli(line("killed", "--save-minutes", "0"));
    let seen = 0;
    child.stdout.on("data", () => {
      if (seen++ >= after) child.kill("SIGKILL");
    });
    await ended(child);
    expect((await runCli(line("killed", "--resume", "--save-minutes", "0"))).code).toBe(0);
    expect(await tensorsOf(join(folder, "killed.safetensors"))).toEqual(
      await tensorsOf(join(folder, "adapted.safetensors")),
    );
  });

  it("wants a file to write, and images", async () => {
    const folderGiven = await runCli(["adapt", data, "-w", weights, "-o", join(folder, "x")]);
    expect(folderGiven.code).toBe(2);
    expect(folderGiven.stderr).toContain("ends in .safetensors");
    const nothing = await runCli([
      "adapt",
      join(folder, "nowhere"),
      "-w",
      weights,
      "-o",
      join(folder, "y.safetensors"),
    ]);
    expect(nothing.stderr).toContain("nowhere");
    expect(existsSync(join(folder, "y.run"))).toBe(false);
  });
});
