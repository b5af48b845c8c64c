import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { SemiEvent } from "../../src/semi/index.ts";
import type { TrainingEvent } from "../../src/train/run/options.ts";
import { writeColouredImages } from "../support/coloured-images.ts";
import { jsonLines, runCli, type CliRun } from "../support/run-cli.ts";
import { smallNetwork } from "../support/small-network.ts";
import { exportSafetensors } from "../../src/node/library.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const photos = join(folder, "photos");
const parts = join(folder, "parts");
const weights = join(folder, "small.safetensors");
const heic = "\0\0\0\x18ftypheic\0\0\0\0mif1heic";

beforeAll(async () => {
  await exportSafetensors(smallNetwork(), weights);
  await writeColouredImages(photos, 4);
  await writeColouredImages(join(parts, "train"), 4, 2);
  await writeColouredImages(join(parts, "val"), 2, 3);
  mkdirSync(join(parts, "test"));
  cpSync(join(parts, "val", "red", "0.png"), join(parts, "test", "0.png"));
});

const train = (data: string, out: string, ...more: readonly string[]): Promise<CliRun> =>
  runCli(["train", data, "-w", weights, "-o", out, "--json", ...more]);
const quick = ["--epochs", "1", "--batch-size", "4"];

/** Events of one type. */
function eventsOf<Type extends TrainingEvent["type"]>(
  { stdout }: CliRun,
  type: Type,
): readonly Extract<TrainingEvent, { type: Type }>[] {
  const all = jsonLines<TrainingEvent>(stdout);
  return all.filter((event) => event.type === type) as Extract<TrainingEvent, { type: Type }>[];
}

describe("the folder of a run among the images", () => {
  it("is no class: training, going on and further runs see the same data", async () => {
    const own = join(folder, "own");
    cpSync(photos, own, { recursive: true });
    mkdirSync(join(own, "run"));
    for (const [out, more] of [
      ["run", quick],
      ["run", [...quick, "--resume"]],
      ["head", ["--mode", "head"]],
    ] as const) {
      const run = await train(own, join(own, out), ...more);
      expect(run.code, `it says ${run.stderr}`).toBe(0);
      expect(eventsOf(run, "started")[0]!.classes).toEqual(["blue", "green", "red"]);
    }
    const args = ["-w", join(own, "run"), "--json"];
    const explained = ["classify", own, "--explain", join(own, "heat"), ...args];
    for (const _ of [1, 2]) expect(jsonLines((await runCli(explained)).stdout)).toHaveLength(12);
    expect(readdirSync(join(own, "heat"))).toHaveLength(12);
  });
});

describe("data in parts", () => {
  it("trains on train, validates on val, and says so", async () => {
    for (const more of [quick, ["--mode", "head"]]) {
      const run = await train(parts, join(folder, `parts-${more.length}`), ...more);
      expect(run.code, `it says ${run.stderr}`).toBe(0);
      const { type: _, ...splits } = eventsOf(run, "splits")[0]!;
      expect(splits).toEqual({
        training: [join(parts, "train")],
        validation: [join(parts, "val")],
        unused: [join(parts, "test")],
      });
      expect(eventsOf(run, "started")).toMatchObject([{ trainingImages: 12, validationImages: 6 }]);
      expect(eventsOf(run, "finished")).toMatchObject([{ measuredImages: 6 }]);
    }
    const validated = await runCli(["validate", parts, "-w", join(folder, "parts-4"), "--json"]);
    expect(jsonLines(validated.stdout)).toMatchObject([{ count: 6, failed: 0 }]);
    expect(validated.stderr).toContain(`validating on ${join(parts, "val")}`);
  });

  it("refuses a share to hold out beside them", async () => {
    const { code, stderr } = await train(parts, join(folder, "none"), "--validation-share", "0.5");
    expect(code).toBe(2);
    expect(stderr).toContain("train/no-effect");
  });
});

describe("labels in a table beside a folder of images", () => {
  const flat = join(folder, "flat-images");
  const table = join(folder, "labels.csv");
  const labels = ["--labels-file", table];

  beforeAll(() => {
    mkdirSync(flat);
    const rows = ["id,label"];
    for (const label of readdirSync(photos)) {
      for (const name of readdirSync(join(photos, label))) {
        cpSync(join(photos, label, name), join(flat, `${label}-${name}`));
        rows.push(`${label}-${name.replace(/\.png$/, "")},the ${label} one`);
      }
    }
    writeFileSync(table, rows.join("\n"));
  });

  const classes = ["the blue one", "the green one", "the red one"];

  it.each([
    ["full", quick],
    ["head", []],
  ])("trains and validates by them, mode %s", async (mode, more) => {
    const out = join(folder, `table-${mode}`);
    const run = await train(flat, out, ...labels, "--mode", mode, ...more);
    expect(run.code, `it says ${run.stderr}`).toBe(0);
    expect(eventsOf(run, "started")[0]!.classes).toEqual(classes);
    const validated = await runCli(["validate", flat, "-w", out, ...labels, "--json"]);
    expect(jsonLines(validated.stdout)).toMatchObject([{ count: 12, failed: 0 }]);
  });

  it("runs the whole method by them", async () => {
    const out = join(folder, "table-semi");
    const data = ["--labelled", flat, ...labels, "--unlabelled", join(parts, "train", "red")];
    const asked = ["--method", "labels", "--mode", "head", "-m", weights, "-o", out, "--json"];
    const run = await runCli(["semi", "run", ...data, ...asked]);
    expect(run.code, `it says ${run.stderr}`).toBe(0);
    const info = await runCli(["info", out, "--json"]);
    expect(JSON.parse(info.stdout)).toMatchObject({ classes });
  });
});

describe("one class alone", () => {
  it.each([
    ["a folder too many", "outer", "outer/photos holds the folders blue, green, red"],
    ["a folder too few", "photos/red", "Give the folder above"],
    ["parts without classes", "flat", "these name parts of a data set, not classes"],
  ])("is refused in every mode: %s", async (_, data, words) => {
    cpSync(photos, join(folder, "outer", "photos"), { recursive: true });
    for (const part of ["train", "test"]) {
      cpSync(join(photos, part === "train" ? "red" : "blue"), join(folder, "flat", part), {
        recursive: true,
      });
    }
    for (const mode of ["full", "head", "last-stages"]) {
      const { code, stderr } = await train(join(folder, data), join(folder, "refused"), "--mode", mode);
      expect(stderr).toContain(words);
      expect(stderr).toContain("[train/classes]");
      expect(code).toBe(2);
    }
    const semi = ["--labelled", join(folder, data), "--unlabelled", photos, "-m", weights];
    for (const method of ["auto", "paper"]) {
      const { stderr } = await runCli([
        "semi",
        "run",
        ...semi,
        "--method",
        method,
        "-o",
        join(folder, "refused"),
      ]);
      expect(stderr).toMatch(/train\/classes|semi\/settings/);
    }
  });
});

describe("what cannot be used", () => {
  const mixed = join(folder, "mixed");
  beforeAll(() => {
    cpSync(parts, mixed, { recursive: true });
    for (const name of ["a.HEIC", "b.heic"]) writeFileSync(join(mixed, "train", "red", name), heic);
    writeFileSync(join(mixed, "val", "red", "clip.mp4"), "");
    writeFileSync(join(mixed, "val", "red", "broken.png"), "no image");
  });
  const leftOut = [
    { ending: ".heic", files: 2, first: join(mixed, "train", "red", "a.HEIC") },
    { ending: ".mp4", files: 1, first: join(mixed, "val", "red", "clip.mp4") },
  ];

  it("is counted and named by training: in the last lines, in JSON and in the report", async () => {
    for (const more of [
      ["--epochs", "2", "--batch-size", "4"],
      ["--mode", "head"],
    ]) {
      const out = join(folder, `mixed-${more.length}`);
      const run = await train(mixed, out, ...more);
      expect(eventsOf(run, "left-out")).toEqual([{ type: "left-out", leftOut }]);
      expect(eventsOf(run, "skipped")).toMatchObject([
        {
          of: "validation",
          id: join(mixed, "val", "red", "broken.png"),
          error: { code: "image/unknown-format" },
        },
      ]);
      expect(eventsOf(run, "finished")).toMatchObject([{ measuredImages: 6 }]);
      expect(run.stderr).toContain("1 of 19 images failed:\n");
      expect(run.stderr).toContain(
        "3 files of kinds that are not read were left out:\n  2 .heic (the first is ",
      );
      const report = readFileSync(join(out, "report.html"), "utf8");
      expect(report).toContain("2 .heic");
      expect(report).toContain("1 could not be read");
    }
  });

  it("ends a run with a broken validation image where that is asked for", async () => {
    const { code, stderr } = await train(mixed, join(folder, "fails"), ...quick, "--on-broken-image", "fail");
    expect(stderr).toContain("broken.png");
    expect(stderr).toContain("[data/broken-image]");
    expect(code).not.toBe(0);
  });

  it("is counted and named by classify, embed and validate", async () => {
    const args = ["-w", join(folder, "mixed-4"), "--json"];
    for (const command of ["classify", "embed"]) {
      const { stdout, stderr } = await runCli([command, join(mixed, "train"), ...args]);
      expect(jsonLines(stdout)).toHaveLength(13);
      expect(jsonLines(stdout).at(-1)).toEqual({ leftOut: leftOut.slice(0, 1) });
      expect(stderr).toContain("heif-convert");
    }
    const { stdout } = await runCli(["validate", mixed, ...args]);
    expect(jsonLines(stdout).at(-1)).toMatchObject({ count: 6, failed: 1, leftOut });
  });

  it("is counted and named by semi, whose run may lie among its images, in parts or not", async () => {
    const out = join(mixed, "run");
    const args = ["--labelled", mixed, "--unlabelled", join(mixed, "train"), "-m", weights, "-o", out];
    const line = ["semi", "run", ...args, "--method", "labels", "--mode", "head", "--json"];
    const first = await runCli(line);
    expect(first.code, `it says ${first.stderr}`).toBe(0);
    const events = jsonLines<SemiEvent>(first.stdout);
    const message = `training on ${join(mixed, "train")}, validating on ${join(mixed, "val")}, not using ${join(mixed, "test")}`;
    expect(events).toContainEqual(
      expect.objectContaining({ type: "planned", notes: [{ stage: "labelled images", message }] }),
    );
    expect(first.stderr).toContain("broken.png");
    expect(first.stderr.trim().split("\n").at(-1)).toContain("left out 2 .heic (the first is ");
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain("2 .heic");
    // What stands is found again: the run is none of the images.
    const again = jsonLines<SemiEvent>((await runCli(line)).stdout);
    expect(again.filter(({ type }) => type === "stage-started")).toEqual([]);
    expect((await train(mixed, join(folder, "beside-semi"), "--mode", "head")).code).toBe(0);
  });

  it("is named where nothing else is there, and when it is given by name", async () => {
    const only = join(folder, "only");
    mkdirSync(only);
    writeFileSync(join(only, "a.heic"), heic);
    const none = await runCli(["classify", only, "-w", weights]);
    expect(none.stderr).toContain("Found 1 .heic, which are not read: convert it to JPEG");
    const named = await runCli(["classify", join(only, "a.heic"), "-w", weights, "--json"]);
    expect(jsonLines(named.stdout)).toMatchObject([
      {
        error: {
          code: "image/unsupported-format",
          message: expect.stringContaining("heif-convert") as string,
        },
      },
    ]);
  });
});
