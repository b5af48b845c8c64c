import { beforeAll, describe, expect, it } from "vitest";
import type { Arm, SelectCounts, SemiReportData } from "../../src/semi/report/data.ts";
import { semiReport } from "../../src/semi/report/semi-report.ts";
import { verdictOf } from "../../src/semi/report/verdict.ts";
import { comparedModels, ownReportData, runs, semiReportData } from "../support/semi-report-data.ts";

const hostile = ["</script><b>", '"><img src=x onerror=alert(1)>', "a & b", "<!--"];

/** The text of the page. */
const textOf = (html: string): string =>
  html
    .replaceAll(/<(script|style)[^]*?<\/\1>/g, "")
    .replaceAll(/<[^>]+>/g, "")
    .replaceAll("&#39;", "'")
    .replaceAll(/\s+/g, " ");

describe("a semi-supervised report", () => {
  let data: SemiReportData;
  beforeAll(async () => {
    data = await semiReportData(["cat", "dog", "horse"]);
  });

  const withArms = (supervised: readonly number[], finetuned: readonly number[]): string =>
    textOf(
      semiReport({
        ...data,
        arms: [
          { kind: "supervised", runs: runs(supervised) },
          { kind: "finetuned", runs: runs(finetuned) },
        ],
      }),
    );

  it("says what the unlabelled images brought, no stronger than the numbers are", () => {
    expect(withArms([75, 75.1, 75.2], [79, 79.1, 79.2])).toContain(
      "With 46,000 unlabelled images the model is right on 79.1 % of new images, instead of 75.1 % without them.",
    );
    expect(withArms([75, 74.1, 75.9], [75.2, 75.5, 74.9])).toContain(
      "right on 75.2 % of new images, without them on 75.0 %: too close to tell apart from chance.",
    );
    expect(withArms([75, 75.1, 75.2], [73, 73.1, 73.2])).toContain(
      "The 46,000 unlabelled images did harm: with them the model is right on 73.1 % of new images, instead of 75.1 %",
    );
    expect(withArms([], [79])).toContain("What they brought is not known");
    expect(withArms([75], [])).not.toContain("new images");
  });

  it("shows mean and deviation of each arm, and the gain with its interval", () => {
    const text = withArms([75.1, 75.3, 75.2], [78.9, 79.6, 79.4]);
    expect(text).toContain("79.3 ± 0.4 %");
    expect(text).toContain("+4.1 percentage points more right answers");
    expect(text).toContain("95 % interval +3.4 to +4.8, over the seeds, pair by pair");
    expect(withArms([75.1, 75.3], [73, 73.2])).toContain("−2.1 percentage points: fewer right answers");
  });

  it("owns up to an uneven match and to validation images", () => {
    const arms: readonly Arm[] = [
      { kind: "supervised", runs: runs([75], 1000) },
      { kind: "finetuned", runs: runs([79], 2500) },
    ];
    const measuredOn = { set: "validation", name: "val/", images: 500 } as const;
    const text = textOf(semiReport({ ...data, arms, measuredOn }));
    expect(text).toContain("2,500 training images, 2.5 times the baseline's 1,000");
    expect(text).toContain("of the validation images");
    expect(text).toContain("a little too high");
    expect(textOf(semiReport(data))).toContain("each processed 2,400,000 training images");
  });

  it("calls no difference a gain that start, steps or augmentation may have made, without saying so", () => {
    const match = {
      start: { with: "random weights", without: "random weights" },
      steps: { with: 500, without: 200 },
      augmentation: { with: 'autoAugment "rand-m9"', without: "autoAugment null" },
    };
    const arms: readonly Arm[] = [
      { kind: "supervised", runs: runs([75, 75.1, 75.2]) },
      { kind: "finetuned", runs: runs([79, 79.1, 79.2]) },
    ];
    const said = (own: SemiReportData["match"]): string => textOf(semiReport({ ...data, arms, match: own }));
    expect(said(match)).toContain("not at equal steps and augmentation, so this is no gain of theirs alone.");
    expect(said(match)).toContain("length 500 steps with the unlabelled images, 200 steps without;");
    const { start } = match;
    const [steps, augmentation] = [match.steps, match.augmentation].map((value) => ({
      ...value,
      without: value.with,
    })) as [typeof match.steps, typeof match.augmentation];
    expect(said({ start, steps, augmentation })).not.toContain("not at equal");
    expect(said({ start: { ...start, without: "pretrained" }, steps, augmentation })).toContain(
      "not at equal start",
    );
  });

  it("holds the student against its teacher where that is the best that labels alone gave", () => {
    const arms: readonly Arm[] = [
      { kind: "supervised", runs: runs([22.4]) },
      { kind: "teacher", runs: runs([68.8]) },
      { kind: "finetuned", runs: runs([24.7]) },
    ];
    expect(textOf(semiReport({ ...data, arms }))).toContain(
      "the student is right on 24.7 % of new images, a loss: its teacher, from labels alone, is right on 68.8 %.",
    );
    const counts = { ...data.counts, taught: false };
    expect(textOf(semiReport({ ...data, arms, counts }))).toContain(
      "fewer than the teacher it was given, which is right on 68.8 %.",
    );
  });

  it("counts every step of the pipeline", () => {
    const text = textOf(semiReport(data));
    for (const part of [
      "4,000 labelled images",
      "46,000 unlabelled images",
      "looked at 45,997 of them and noted the 3 likeliest classes of each. 3 could not be read.",
      "6,612 images selected",
      "Of each class, the 2,453 images",
      "12 labels are of images that stand for another class, too",
      "41 near-copies of labelled or test images were left out",
      "1,840,000 images processed",
      "560,000 images processed",
    ])
      expect(text).toContain(part);
  });

  it("says how else images may be selected", () => {
    const select = {
      ranking: "unbalanced",
      k: 10,
      rows: 30,
      images: 30,
      duplicates: { images: 0 },
      copies: null,
    } as const;
    const selected = (change: Partial<SelectCounts>): string =>
      textOf(semiReport({ ...data, counts: { ...data.counts, select: { ...select, ...change } } }));
    expect(selected({})).toContain(
      "The 30 labels that the teacher is surest of, whatever their class. None was",
    );
    expect(selected({})).not.toContain("fewer than the");
    expect(selected({ ranking: "threshold", k: null, duplicates: null })).toContain(
      "All 30 labels whose score reaches a threshold. Near-copies of labelled or test images were not looked for.",
    );
  });

  it("warns of classes that have fewer images than wanted", () => {
    const text = textOf(semiReport(data));
    expect(text).toContain("One class has fewer than the 2,453 images wanted (the fewest: 1,718)");
    const select = { ...data.counts.select!, k: 1718 };
    expect(textOf(semiReport({ ...data, counts: { ...data.counts, select } }))).toContain(
      "Every class has its 1,718 images.",
    );
  });

  it("names the classes that got nothing, whatever the ranking", () => {
    const classes = data.selection!.classes.map((record, index) =>
      index < 2 ? { ...record, selected: 0 } : record,
    );
    for (const ranking of ["balanced", "unbalanced", "threshold"] as const) {
      const select = { ...data.counts.select!, ranking, k: ranking === "threshold" ? null : 1718 };
      const changed = { ...data, counts: { ...data.counts, select }, selection: { classes } };
      const text = textOf(semiReport(changed));
      expect(text).toContain(
        `No image was selected for 2 classes, and nothing is learnt of them from the unlabelled images: ${data.classes[0]!}, ${data.classes[1]!}.`,
      );
      expect(text).not.toContain("Every class has its");
    }
  });

  it("adds up how many pseudo-labels are right, and marks those shown that are wrong", () => {
    const [first, second, third] = data.selection!.classes;
    const image = { id: "a", rank: 1, score: 0.5, truth: "otter" };
    const classes = [
      { ...first!, truth: { known: 100, right: 90 }, strip: [image, { ...image, truth: "cat" }] },
      { ...second!, truth: { known: 300, right: 150 } },
      { ...third!, truth: undefined },
    ];
    const text = textOf(semiReport({ ...data, selection: { classes } }));
    expect(text).toContain("60.0 % of the selected labels are right 240 of 400 whose truth is known.");
    expect(text).toContain("✗ is otter");
    expect(text).toContain("✓ right");
    const unknown = classes.map((record) => ({ ...record, truth: undefined }));
    expect(textOf(semiReport({ ...data, selection: { classes: unknown } }))).not.toContain(
      "Are the teacher's labels right?",
    );
  });

  it("leaves out what a run does not have", () => {
    const page = semiReport({
      title: "run",
      classes: ["a", "b"],
      status: "stopped",
      arms: [],
      counts: { labelled: 100, unlabelled: 2000 },
      stages: [],
      machine: [],
      settings: "",
      provenance: [],
    });
    expect(page).toContain("stopped before its end");
    expect(page).toContain("The student is not fine-tuned yet");
    expect(page.match(/<h2>/g)).toHaveLength(1);
    expect(textOf(page)).not.toMatch(/NaN|undefined|Infinity/);
  });

  it("draws nothing that is no number", () => {
    const points = [
      { imagesProcessed: 100, trainLoss: NaN },
      { imagesProcessed: 200, trainLoss: 2 },
    ];
    const page = semiReport({
      ...data,
      curves: [{ name: "teacher", points }],
      sweeps: [{ title: "K", lines: [{ name: "balanced", points: [{ value: 10, top1: [70] }] }] }],
    });
    expect(page).not.toMatch(/ (d|style)="[^"]*(NaN|Infinity)/);
    expect(page).not.toContain("Accuracy on validation images");
  });

  it("lets no name become an element, an attribute or a script", async () => {
    const named = await semiReportData(hostile);
    const page = semiReport({
      ...named,
      title: hostile[0]!,
      summary: hostile[1]!,
      settings: hostile[0]!,
      measuredOn: { set: "test", name: hostile[3]!, images: 10 },
      arms: [{ kind: "other", name: hostile[1]!, summary: hostile[0]!, runs: runs([1]) }],
      curves: [{ name: hostile[0]!, points: [{ imagesProcessed: 1, trainLoss: 1 }] }],
      stages: [{ name: hostile[1]!, seconds: 1 }],
    });
    for (const name of [hostile[0]!, hostile[1]!, hostile[3]!]) expect(page).not.toContain(name);
    expect(page).toContain("<h1>&lt;/script&gt;&lt;b&gt;</h1>");
    expect(page).toContain("a &amp; b");
  });

  it("shows no picture from anywhere but the page itself", () => {
    const strip = [{ id: "a", rank: 1, score: 1, thumbnail: "http://example.org/a.jpg" }];
    const classes = data.selection!.classes.map((record) => ({ ...record, strip }));
    const page = semiReport({ ...data, selection: { classes } });
    expect(page).not.toContain("example.org");
    expect(page).toContain("no picture");
  });

  it("stays small for a thousand classes, and says what it leaves out", async () => {
    const page = semiReport(
      await semiReportData(Array.from({ length: 1000 }, (_, index) => `class ${index}`)),
    );
    expect(page.length).toBeLessThan(2.5e6);
    expect(page.match(/<article>/g)).toHaveLength(60);
    expect(page).toContain("<summary>40 more classes</summary>");
    expect(page).toContain("60 of 1,000 classes are shown.");
  });
});

describe("a report on own photos", () => {
  it.each(["gain", "no gain", "loss", "cannot tell", "labels alone better", "not used"] as const)(
    "of %s: opens with the verdict, says what was chosen and what would help",
    (outcome) => {
      const page = semiReport(ownReportData(outcome));
      const { headline, uncertainty, help } = verdictOf(comparedModels(outcome));
      const text = textOf(page);
      for (const part of [headline, uncertainty, ...help]) expect(text).toContain(part);
      expect(text.includes("What would help")).toBe(outcome !== "gain");
      expect(text).toContain("best.safetensors is the model");
      expect(text).not.toMatch(/NaN|undefined|Infinity/);
    },
  );

  it("names the file that did better where test images found a loss that nothing vetoed", () => {
    expect(textOf(semiReport(ownReportData("loss")))).toContain("tuned-alone/best.safetensors");
    expect(textOf(semiReport(ownReportData("gain")))).not.toContain("tuned-alone/best.safetensors");
  });

  it("says whether the match was even", () => {
    expect(textOf(semiReport(ownReportData("gain")))).toContain(
      "An even match: both models began from resnext50_32x4d, took 150 steps and saw the same augmentation.",
    );
    expect(textOf(semiReport(ownReportData("loss")))).toContain(
      "Not an even match, so the difference is not that of the unlabelled images alone: length 150 steps with the unlabelled images, 400 steps without.",
    );
  });

  it("shows the interval in the place of a difference that tells nothing", () => {
    const page = semiReport(ownReportData("cannot tell"));
    expect(page).toMatch(/<b class="range">−\d+\.\d to \+\d+\.\d<\/b>/);
    expect(semiReport(ownReportData("no gain"))).not.toContain('<b class="range">');
  });

  it("leaves out what is not done yet", () => {
    const { own, ...rest } = ownReportData("gain");
    const text = textOf(
      semiReport({
        ...rest,
        status: "running",
        arms: [],
        measuredOn: undefined,
        match: undefined,
        confusion: undefined,
        own: { method: own!.method, adaptation: own!.adaptation },
      }),
    );
    expect(text).toContain("What the unlabelled images bring is not measured yet.");
    expect(text).toContain("In 12 epochs the network learns");
    expect(text).toContain("Not done yet.");
    expect(text).not.toMatch(/NaN|undefined|Infinity/);
  });
});
