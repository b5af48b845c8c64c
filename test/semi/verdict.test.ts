import { describe, expect, it } from "vitest";
import { styleFor } from "../../src/cli/output/terminal.ts";
import { verdictLines } from "../../src/cli/semi/view.ts";
import { pairedInterval, shareInterval } from "../../src/semi/report/statistics.ts";
import { verdictOf, type ComparedModels } from "../../src/semi/report/verdict.ts";
import { comparedModels } from "../support/semi-report-data.ts";

const text = ({ headline, uncertainty, help }: ReturnType<typeof verdictOf>): string =>
  [headline, uncertainty, ...help.map((line) => `- ${line}`)].join("\n");

describe("the verdict on what unlabelled images brought", () => {
  it("calls a gain a gain", () => {
    const verdict = verdictOf(comparedModels("gain"));
    expect(verdict).toMatchObject({ outcome: "gain", isVetoed: false });
    expect(text(verdict)).toMatchInlineSnapshot(`
      "The 4,000 unlabelled images helped: 67.3 % of the test images right with them instead of 58.2 % with labels alone, +9.1 points (95 % interval +6.9 to +11.3).
      Measured on 2,000 test images that no training saw: 350 only the model with unlabelled images has right, 168 only that of labels alone. The interval is that of the paired difference; it accounts for the choice of test images, not for another draw of labels. Cross-validated log loss: 0.840 with unlabelled images, 1.050 with labels alone; better by 0.210 ± 0.050 nats image by image, more than two standard errors."
    `);
  });

  it("says that there is no gain", () => {
    const verdict = verdictOf(comparedModels("no gain"));
    expect(verdict).toMatchObject({ outcome: "no gain", isVetoed: false });
    expect(text(verdict)).toMatchInlineSnapshot(`
      "The 4,000 unlabelled images brought no gain that can be shown: 70.1 % of the test images right with them, 70.3 % with labels alone, −0.2 points (95 % interval −1.9 to +1.5).
      Measured on 2,000 test images that no training saw: 140 only the model with unlabelled images has right, 144 only that of labels alone. The interval is that of the paired difference; it accounts for the choice of test images, not for another draw of labels. Cross-validated log loss: 1.054 with unlabelled images, 1.050 with labels alone; worse by 0.004 ± 0.011 nats image by image, within one standard error.
      - More labels, which is the surest: about 50 more of each of the 4 classes, twice as many as now.
      - A better start: pretrained weights that know images like yours; at few labels the start decides most."
    `);
  });

  it("calls a loss a loss in the first line", () => {
    const verdict = verdictOf(comparedModels("loss"));
    expect(verdict).toMatchObject({ outcome: "loss", isVetoed: false });
    expect(text(verdict)).toMatchInlineSnapshot(`
      "The 4,000 unlabelled images did harm, a loss: 24.7 % of the test images right with them instead of 68.8 % with labels alone, −44.1 points (95 % interval −46.5 to −41.6).
      Measured on 2,000 test images that no training saw: 61 only the model with unlabelled images has right, 943 only that of labels alone. The interval is that of the paired difference; it accounts for the choice of test images, not for another draw of labels.
      - The model of labels alone, which stands in the folder of the run, too; or unlabelled images that show the same kind of things.
      - More labels, which is the surest: about 50 more of each of the 4 classes, twice as many as now.
      - A better start: pretrained weights that know images like yours; at few labels the start decides most."
    `);
  });

  it("says that so few cannot tell", () => {
    const verdict = verdictOf(comparedModels("cannot tell"));
    expect(verdict).toMatchObject({ outcome: "cannot tell", isVetoed: false });
    expect(text(verdict)).toMatchInlineSnapshot(`
      "36 labelled images are too few to tell whether the 64 unlabelled images helped: 22 of 36 right in cross-validation with them, 20 of 36 with labels alone, +5.6 points (95 % interval −11.3 to +21.5).
      There is no test set: 36 labelled images were judged in 5 parts, each by models that had not seen its labels: 5 only the model with unlabelled images has right, 3 only that of labels alone. The interval is that of the paired difference; the parts share training images, so the truth is a little less sure than it says. With fewer than 50 labelled images such numbers are mostly chance. Cross-validated log loss: 0.960 with unlabelled images, 1.050 with labels alone; better by 0.090 ± 0.080 nats image by image, no more than two standard errors.
      - More labels, which is the surest: about 12 more of each of the 3 classes, twice as many as now; first of hedgehog (5 labelled).
      - A test set (--test) of images that no training sees: about 1,100 would show a difference of 3 points.
      - A better start: pretrained weights that know images like yours; at few labels the start decides most.
      - More unlabelled images: 64 are few to learn from without labels."
    `);
  });

  it("says so where the unlabelled images had no part", () => {
    const verdict = verdictOf(comparedModels("not used"));
    expect(verdict).toMatchObject({ outcome: "not used", isVetoed: false });
    expect(text(verdict)).toMatchInlineSnapshot(`
      "The 150 unlabelled images had no part in the model: they are too few to say how images vary. It is the model of the labels alone, 55.0 % right in cross-validation.
      There is no test set: 200 labelled images were judged in 5 parts, each by models that had not seen its labels.
      - More labels, which is the surest: about 50 more of each of the 4 classes, twice as many as now.
      - A test set (--test) of images that no training sees, which tells how good the model is.
      - A better start: pretrained weights that know images like yours; at few labels the start decides most.
      - More unlabelled images: 150 are few to learn from without labels."
    `);
  });

  it("holds a student against the teacher where the labels taught that better", () => {
    const verdict = verdictOf({ ...comparedModels("loss"), method: "paper", alone: "teacher" });
    expect(text(verdict)).toMatchInlineSnapshot(`
      "The 4,000 unlabelled images did harm, a loss: 24.7 % of the test images right with them instead of 68.8 % with labels alone, the teacher's, −44.1 points (95 % interval −46.5 to −41.6).
      Measured on 2,000 test images that no training saw: 61 only the model with unlabelled images has right, 943 only that of labels alone. The interval is that of the paired difference; it accounts for the choice of test images, not for another draw of labels.
      - The teacher, which stands in the folder of the run, too; or unlabelled images that show the same kind of things.
      - More labels, which is the surest: about 50 more of each of the 4 classes, twice as many as now.
      - A better start: a student that begins from pretrained weights, not from random ones (studentStart, --student-start), or method adapt."
    `);
  });

  it("says so where a teacher that was given is better than the student", () => {
    const gained = { ...comparedModels("gain"), method: "paper" } as const;
    expect(verdictOf({ ...gained, givenTeacher: 80 }).headline).toMatch(
      / The teacher that was given is better: 80\.0 % right\.$/,
    );
    expect(verdictOf({ ...gained, givenTeacher: 60 }).headline).not.toContain("teacher");
  });

  it("goes by validation images where there are no others", () => {
    const { test, ...rest } = comparedModels("no gain");
    const verdict = verdictOf({ ...rest, method: "paper", test: { ...test!, set: "validation" } });
    expect(text(verdict)).toMatchInlineSnapshot(`
      "The 4,000 unlabelled images brought no gain that can be shown: 70.1 % of the validation images right with them, 70.3 % with labels alone, −0.2 points (95 % interval −1.9 to +1.5).
      Measured on 2,000 validation images, on which all figures are a little too high where they also chose the best epoch: 140 only the model with unlabelled images has right, 144 only that of labels alone. The interval is that of the paired difference; it accounts for the choice of validation images, not for another draw of labels. Cross-validated log loss: 1.054 with unlabelled images, 1.050 with labels alone; worse by 0.004 ± 0.011 nats image by image, within one standard error.
      - More labels, which is the surest: about 50 more of each of the 4 classes, twice as many as now.
      - A test set (--test) of images that no training sees: about 610 would show a difference of 3 points.
      - A better start: a student that begins from pretrained weights, not from random ones (studentStart, --student-start), or method adapt."
    `);
  });

  it("says whose numbers those of cross-validation are where the whole network was trained on", () => {
    const { headline } = verdictOf({ ...comparedModels("labels alone better"), tunedAfter: true });
    expect(headline).toMatch(/ That is the classifier on the frozen network: .* was not measured\.$/);
    expect(verdictOf({ ...comparedModels("gain"), tunedAfter: true }).headline).not.toContain("frozen");
  });

  it("sends back the model of labels alone", () => {
    const verdict = verdictOf(comparedModels("labels alone better"));
    expect(verdict).toMatchObject({ outcome: "labels alone better", isVetoed: true });
    expect(text(verdict)).toMatchInlineSnapshot(`
      "Labels alone did better, so their model was taken: 55.0 % right in cross-validation instead of 49.5 % with the 4,000 unlabelled images, with them −5.5 points (95 % interval −10.6 to 0.0).
      There is no test set: 200 labelled images were judged in 5 parts, each by models that had not seen its labels: 8 only the model with unlabelled images has right, 19 only that of labels alone. The interval is that of the paired difference; the parts share training images, so the truth is a little less sure than it says. Cross-validated log loss: 1.167 with unlabelled images, 1.050 with labels alone; worse by 0.117 ± 0.041 nats image by image, more than one standard error: the model of labels alone was taken as a precaution.
      - More labels, which is the surest: about 50 more of each of the 4 classes, twice as many as now.
      - A test set (--test) of images that no training sees: about 600 would show a difference of 3 points.
      - A better start: pretrained weights that know images like yours; at few labels the start decides most."
    `);
  });

  const base = comparedModels("no gain");
  const test = (images: number, onlyWith: number, onlyWithout: number): ComparedModels => ({
    ...base,
    crossValidated: undefined,
    test: {
      name: "test/",
      images,
      with: 60 + (100 * (onlyWith - onlyWithout)) / images,
      without: 60,
      onlyWith,
      onlyWithout,
    },
  });

  it("lets a few test images tell what is far from chance, and nothing less", () => {
    expect(verdictOf(test(40, 10, 0)).outcome).toBe("gain");
    expect(verdictOf(test(40, 0, 10)).outcome).toBe("loss");
    expect(verdictOf(test(40, 5, 0)).outcome).toBe("cannot tell");
    expect(verdictOf(test(40, 5, 0)).headline).toMatch(/^40 test images are too few to tell/);
    expect(verdictOf(test(40, 0, 0)).outcome).toBe("cannot tell");
    expect(verdictOf(test(4000, 0, 0)).outcome).toBe("no gain");
  });

  it("vetoes beyond one standard error of the log loss, and not at it", () => {
    const at = (mean: number): boolean =>
      verdictOf({
        ...base,
        crossValidated: { ...base.crossValidated!, difference: { mean, standardError: 0.02 } },
      }).isVetoed;
    expect([-0.5, 0, 0.02, 0.021].map(at)).toEqual([false, false, false, true]);
  });

  it("vetoes by cross-validation whatever the test images say, and tells both", () => {
    const { crossValidated } = comparedModels("labels alone better");
    const verdict = verdictOf({ ...test(2000, 200, 100), crossValidated });
    expect(verdict).toMatchObject({ outcome: "labels alone better", isVetoed: true });
    expect(verdict.headline).toMatch(
      /^Labels alone did better in cross-validation, so their model was taken: 60\.0 % /,
    );
    expect(verdict.headline).toContain("65.0 % with the 4,000 unlabelled images, with them +5.0 points");
  });

  it("keeps its first line where few labelled images are vetoed, and still takes the model back", () => {
    const few = comparedModels("cannot tell");
    const difference = { mean: 0.2, standardError: 0.1 };
    const verdict = verdictOf({ ...few, crossValidated: { ...few.crossValidated!, difference } });
    expect(verdict).toMatchObject({ outcome: "cannot tell", isVetoed: true });
    expect(verdict.uncertainty).toContain("the model of labels alone was taken as a precaution");
  });

  it("tells nothing where nothing was measured", () => {
    const verdict = verdictOf({ ...base, test: undefined, crossValidated: undefined });
    expect(verdict).toMatchObject({ outcome: "cannot tell", isVetoed: false });
    expect(verdict.headline).toBe(
      "Whether the 4,000 unlabelled images helped cannot be told: nothing was measured.",
    );
    expect(verdict.help.join(" ")).toContain("A test set (--test)");
  });

  it("names the classes that need labels most: those that have few, then those that are right least often", () => {
    const ofClass = (name: string, labelled: number, right: number) => ({
      name,
      labelled,
      images: 100,
      right,
    });
    const perClass = [ofClass("a", 60, 90), ofClass("b", 60, 40), ofClass("c", 5, 80), ofClass("d", 75, 60)];
    expect(verdictOf({ ...base, perClass }).help[0]).toContain(
      "first of c (5 labelled), b (40 of 100 right), d (60 of 100 right).",
    );
  });
});

describe("the last lines of the terminal", () => {
  const what = "a classifier trained on 36 labelled images of 3 classes";
  it("are the verdict, what would help, the file and the next command", () => {
    const verdict = verdictOf(comparedModels("cannot tell"));
    expect(verdictLines(verdict, { path: "run/best.safetensors", what }, styleFor(false))).toEqual([
      "",
      verdict.headline,
      "what would help:",
      ...verdict.help.map((line) => `  ${line}`),
      "",
      `run/best.safetensors: ${what}`,
      "next: ssl-resnext classify PHOTOS -w run/best.safetensors",
      "to label more, those that help most: ssl-resnext suggest -m run -o next",
    ]);
    const gain = verdictLines(verdictOf(comparedModels("gain")), { path: "best", what }, styleFor(false));
    expect(gain).not.toContain("what would help:");
  });
});

describe("exact intervals", () => {
  // R: binom.test(7, 20)$conf.int, binom.test(0, 30)$conf.int
  it("are Clopper and Pearson's", () => {
    expect(shareInterval(7, 20)).toEqual({
      low: expect.closeTo(0.15391, 4),
      high: expect.closeTo(0.59219, 4),
    });
    expect(shareInterval(0, 30)).toEqual({ low: 0, high: expect.closeTo(0.1157, 4) });
    expect(shareInterval(30, 30)).toEqual({ low: expect.closeTo(0.8843, 4), high: 1 });
  });

  it("leave out no difference only where McNemar's exact test is significant", () => {
    // Two-sided p: 5 to 0 0.0625, 6 to 0 0.031; 15 to 5 0.041, 14 to 5 0.064.
    const low = (first: number, second: number): number => pairedInterval(200, first, second).low;
    expect([low(5, 0), low(14, 5)].every((end) => end < 0)).toBe(true);
    expect([low(6, 0), low(15, 5)].every((end) => end > 0)).toBe(true);
    const [one, other] = [pairedInterval(200, 15, 5), pairedInterval(200, 5, 15)];
    expect(one.low).toBeCloseTo(-other.high, 9);
    expect(one.high).toBeCloseTo(-other.low, 9);
  });

  it("know that it is uncertain how often the models disagree, and that none of few is not never", () => {
    // Wald's standard error of 61 against 943 in 2,000 is 1.24 points.
    const { low, high } = pairedInterval(2000, 61, 943);
    expect(high - low).toBeGreaterThan(2 * 1.96 * 1.24 * 0.98);
    expect(pairedInterval(30, 0, 0).high).toBeGreaterThan(5);
    expect(pairedInterval(30, 30, 0).high).toBe(100);
  });
});
