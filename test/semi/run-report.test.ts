import { cpSync, existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { styleFor } from "../../src/cli/output/terminal.ts";
import { semiLines } from "../../src/cli/semi/view.ts";
import { semiContext } from "../../src/semi/context.ts";
import type { SemiEvent } from "../../src/semi/index.ts";
import { openFingerprints } from "../../src/semi/fingerprints.ts";
import { nodeSemiPlatform, runSemi } from "../../src/node/semi.ts";
import type { RunSemiOptions } from "../../src/semi/index.ts";
import { readSelection } from "../../src/node/semi.ts";
import { openSelected } from "../../src/semi/stages/training.ts";
import { resolveSettings, type SelectionRow, type SemiSettings } from "../../src/semi/index.ts";
import { colours, writeColouredImages } from "../support/coloured-images.ts";
import { jsonLines, runCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);

const recipe = (images: number) => ({ base: "quick", images, batchSize: 12, warmUp: 0 }) as const;
const settings: Partial<SemiSettings> = {
  labelled: [at("labelled")],
  unlabelled: [at("unlabelled")],
  test: [at("test")],
  validationShare: 0.25,
  teacher: "resnet20_cifar10",
  scratch: true,
  p: 3,
  k: 4,
  duplicateDistance: null,
  teachRecipe: recipe(240),
  pretrainRecipe: recipe(96),
  finetuneRecipe: recipe(48),
  seeds: 2,
  sweep: { k: [8] },
  variants: { brief: { finetuneRecipe: recipe(24) }, sure: { k: 5, ranking: "unbalanced" } },
};

async function eventsOf(options: Partial<RunSemiOptions> = {}): Promise<readonly SemiEvent[]> {
  const events: SemiEvent[] = [];
  for await (const event of runSemi({ settings, out: at("run"), ...options })) events.push(event);
  return events;
}

type Report = Extract<SemiEvent, { type: "report" }>;

const reportOf = (events: readonly SemiEvent[]): Report | undefined =>
  events.find((event): event is Report => event.type === "report");

const finished = (events: readonly SemiEvent[], skipped: boolean): readonly string[] =>
  events.flatMap((event) =>
    event.type === "stage-finished" && event.skipped === skipped ? [event.stage] : [],
  );

async function rowsOf(path: string): Promise<readonly SelectionRow[]> {
  const rows: SelectionRow[] = [];
  for await (const row of readSelection(path)) rows.push(row);
  return rows;
}

const shownText = (path: string): string =>
  readFileSync(path, "utf8")
    .replaceAll(/<(style|script)[^]*?<\/\1>/g, "")
    .replaceAll(/<[^>]*>/g, " ")
    .replaceAll(/\s+/g, " ");

beforeAll(async () => {
  await writeColouredImages(at("labelled"), 12, 1);
  await writeColouredImages(at("unlabelled"), 20, 2);
  await writeColouredImages(at("test"), 6, 3);
});

describe("the page of two seeds with variants", () => {
  let events: readonly SemiEvent[];
  let report: Report;
  let early: string;
  beforeAll(async () => {
    const found: SemiEvent[] = [];
    for await (const event of runSemi({ settings, out: at("run"), withVariants: true })) {
      found.push(event);
      if (event.type === "stage-started" && event.stage === "variants/k-8/selection") {
        early = shownText(at("run", "report.html"));
      }
    }
    events = found;
    report = reportOf(events)!;
  }, 300_000);

  it("can be looked at when the first run is measured", () => {
    expect(early).toContain("This run was still going on when the page was written.");
    expect(early).toContain("Measured on 18 test images");
    expect(early).toContain("Each arm was trained once.");
  });

  it("says of a variant what it changes", () => {
    expect(report.arms.find(({ name }) => name === "brief")!.summary).toBe("finetuneRecipe images 24");
    expect(report.arms.find(({ name }) => name === "k-8")!.summary).toBe("");
  });

  it("comes when all is done, and says what was trained, a run for each seed", () => {
    expect(events.at(-2)).toBe(report);
    expect(events.at(-1)).toMatchObject({ type: "best", path: at("run", "best.safetensors") });
    expect(report.path).toBe(at("run", "report.html"));
    expect(report.arms.map(({ kind, name }) => name ?? kind)).toEqual([
      "teacher",
      "pretrained",
      "finetuned",
      "supervised",
      "k-8",
      "brief",
      "brief, supervised baseline",
      "sure, pre-trained only",
      "sure",
    ]);
    for (const { runs } of report.arms) expect(runs.map(({ seed }) => seed)).toEqual([0, 1]);
    const images = Object.fromEntries(
      report.arms.map(({ kind, name, runs }) => [name ?? kind, runs[0]!.imagesProcessed]),
    );
    expect(images).toMatchObject({
      teacher: 240,
      pretrained: 96,
      finetuned: 144,
      supervised: 144,
      "k-8": 144,
      brief: 120,
      "brief, supervised baseline": 120,
    });
  });

  it("shares what seeds and variants have in common, and nothing else", () => {
    const done = finished(events, false);
    for (const seed of ["", "seed-1/"]) {
      expect(done.filter((stage) => stage.startsWith("seed-1/") === (seed !== ""))).toEqual(
        [
          "teacher",
          "scores",
          "selection",
          "pretrain",
          "finetune",
          "supervised",
          "results",
          "best",
          ...["selection", "pretrain", "finetune", "results", "best"].map((stage) => `variants/k-8/${stage}`),
          ...["finetune", "supervised", "results", "best"].map((stage) => `variants/brief/${stage}`),
          ...["selection", "pretrain", "finetune", "results", "best"].map(
            (stage) => `variants/sure/${stage}`,
          ),
        ].map((stage) => seed + stage),
      );
    }
    expect(new Set(done).size).toBe(done.length);
  });

  it("counts, and shows pictures, truth, curves and costs", () => {
    const html = readFileSync(report.path, "utf8");
    const text = shownText(report.path);
    for (const part of [
      "27 labelled images",
      "60 unlabelled images",
      "looked at 60 of them and noted the 3 likeliest classes",
      "Measured on 18 test images",
      "Each arm was trained 2 times",
      "Baseline and student each processed 144 training images",
      "96 images processed",
      "K, images of each class",
      "of 12 of the selected labels are right",
      "teach, 2 times",
      "pre-train, 6 times",
      "selection.parquet",
      "Accuracy on validation images",
    ]) {
      expect(text).toContain(part);
    }
    expect(text).not.toMatch(/NaN|undefined|still going on/);
    const strips = html.slice(
      html.indexOf('<div class="strips">'),
      html.indexOf("</div>", html.indexOf('<div class="strips">')),
    );
    expect(strips.match(/src="data:image\/jpeg;base64,/g)).toHaveLength(9);
  });

  it("is a table with the mean of each arm on a terminal", () => {
    const lines = semiLines(styleFor(false))(report);
    expect(lines[1]).toMatch(/^arm +top-1 +images processed$/);
    expect(lines[2]).toMatch(/^Supervised baseline +\d+\.\d ± \d+\.\d % +144$/);
    expect(lines.at(-1)).toBe(`report: ${report.path}`);
  });

  it("is a line of JSON, when nothing is left to do as well", async () => {
    const { code, stdout } = await runCli(["semi", "report", "-o", at("run"), "--json"]);
    expect(code).toBe(0);
    expect(jsonLines<SemiEvent>(stdout).at(-2)).toMatchObject({ type: "report", path: report.path });
    // Variants that stand are no part of this command, and of the page all the same.
    expect(shownText(report.path)).toContain("K, images of each class");
  });
});

it("has a teacher that is given once, whatever the seeds", async () => {
  const teacher = at("run", "teacher", "best.safetensors");
  const { teachRecipe: _, scratch: __, ...rest } = settings;
  const given = { ...rest, sweep: {}, variants: {}, teacher, teach: false };
  const report = reportOf(await eventsOf({ settings: given, out: at("given-run") }))!;
  const seeds = report.arms.map(({ kind, runs }) => [kind, runs.length]);
  expect(Object.fromEntries(seeds)).toEqual({ supervised: 2, pretrained: 2, finetuned: 2, teacher: 1 });
});

describe("the page of a selection", () => {
  const settingsOf = (unlabelled: string): Partial<SemiSettings> => {
    const { teachRecipe: _, scratch: __, ...rest } = settings;
    const teacher = at("run", "teacher", "best.safetensors");
    return { ...rest, teacher, teach: false, seeds: 1, unlabelled: [at(unlabelled)] };
  };
  const select = async (unlabelled: string): Promise<readonly SemiEvent[]> => {
    const options = { settings: settingsOf(unlabelled), out: at(`${unlabelled}-run`) };
    await eventsOf({ ...options, only: ["score"] });
    return eventsOf({ ...options, only: ["select"] });
  };
  const copyAs = (folderNames: readonly string[], to: string): void => {
    for (const [index, name] of folderNames.entries()) {
      cpSync(at("unlabelled", colours[index]!), at(to, name), { recursive: true });
    }
  };

  it("shows pictures before a student is trained, and leaves out truth that is not known", async () => {
    copyAs(["2020", "2021", "2022"], "years");
    const report = reportOf(await select("years"))!;
    expect(report.arms).toEqual([]);
    const html = readFileSync(report.path, "utf8");
    expect(html.match(/src="data:image\/jpeg;base64,/g)).toHaveLength(9);
    expect(shownText(report.path)).toContain("The student is not fine-tuned yet");
    expect(shownText(report.path)).not.toContain("truth");
  });

  it("goes by the labels of the images, and the student's training by the selection alone", async () => {
    copyAs(["green", "red", "blue"], "turned");
    const report = reportOf(await select("turned"))!;
    const rows = await rowsOf(at("turned-run", "selection", "selection.parquet"));
    const folders = rows.map(({ image_id }) => basename(dirname(image_id)));
    const selected = rows.map((row) => colours[row.class]);
    const right = folders.filter((name, index) => name === selected[index]).length;
    expect(shownText(report.path)).toContain(`${right} of ${rows.length} of the selected labels are right`);

    const context = semiContext({
      platform: nodeSemiPlatform,
      settings: resolveSettings([{ name: "test", values: settingsOf("turned") }]),
      out: at("turned-run"),
      execution: {
        engine: "onnxruntime",
        precision: "fp32",
        device: "cpu",
        threads: undefined,
        workers: undefined,
      },
      fingerprints: await openFingerprints(nodeSemiPlatform, at("fingerprints.json")),
      signal: undefined,
    });
    const labels: (string | undefined)[] = [];
    const { images } = await openSelected(context, "selection", "scores");
    for await (const { label } of images) labels.push(label);
    expect(labels).toEqual(selected);
    expect(labels).not.toEqual(folders);
  });

  it("is not there before scores are", async () => {
    const early = { ...settings, seeds: 1, teachRecipe: recipe(24) };
    const events = await eventsOf({ settings: early, out: at("early-run"), only: ["teach"] });
    expect(finished(events, false)).toEqual(["teacher"]);
    expect(reportOf(events)).toBeUndefined();
    expect(existsSync(at("early-run", "report.html"))).toBe(false);
  });

  it("refuses to train a teacher that is taken as it is", async () => {
    const options = { settings: settingsOf("unlabelled"), out: at("taken-run"), only: ["teach"] } as const;
    await expect(eventsOf(options)).rejects.toThrow(
      /teach: method paper has no such stage here; .*teach: true/,
    );
    expect(existsSync(at("taken-run", "semi.yaml"))).toBe(false);
  });
});
