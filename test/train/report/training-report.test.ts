import { describe, expect, it } from "vitest";
import { confusionPage, trainingReport } from "../../../src/train/index.ts";
import { reportData, seededConfusion, seededSureness } from "../../support/report-data.ts";

const hostile = ["</script><b>", '"><img src=x onerror=alert(1)>', "a & b", "<!--"];

describe("a training report", () => {
  it("lets no name become an element, an attribute or a script", () => {
    const data = reportData(hostile);
    const page = trainingReport({
      ...data,
      title: hostile[0]!,
      validation: { ...data.validation!, data: hostile[1]! },
    });
    for (const name of [hostile[0]!, hostile[1]!, hostile[3]!]) expect(page).not.toContain(name);
    expect(page).toContain("<h1>&lt;/script&gt;&lt;b&gt;</h1>");
    expect(page).toContain("a &amp; b");
  });

  it("shows no picture from anywhere but the page itself", () => {
    const data = reportData(["a", "b"]);
    const mistake = { ...data.validation!.mistakes[0]!, thumbnail: "http://example.org/a.jpg" };
    const page = trainingReport({ ...data, validation: { ...data.validation!, mistakes: [mistake] } });
    expect(page).not.toContain("example.org");
    expect(page).toContain("no picture");
  });

  it("leaves out what a run does not have", () => {
    const { validation: _, steps: __, ...rest } = reportData(["a", "b"]);
    const page = trainingReport({ ...rest, epochs: rest.epochs.slice(0, 1), status: "stopped" });
    expect(page).toContain("stopped before its end");
    expect(page).not.toContain("<h2>Validation</h2>");
    expect(trainingReport({ ...rest, epochs: [] })).not.toContain("<h2>Training</h2>");
  });

  it("says how cross-validation judged, and what it could not judge", () => {
    const { validation, ...rest } = reportData(["a", "b"]);
    const sweep = [
      { features: "as they are" as const, l2: 0.01, loss: 0.5, top1: 70, images: 10, chosen: true },
    ];
    const page = trainingReport({
      ...rest,
      epochs: [],
      sweep,
      crossValidation: { ...validation!, data: "photos/", folds: 4, notJudged: 2 },
    });
    expect(page).toContain("<small>cross-validated</small>");
    expect(page).toContain("photos/, were divided into 4 parts");
    expect(page).toContain("2 are the only ones of their class");
    expect(page).toContain("chosen by cross-validation");
    expect(page).not.toContain("<h2>Validation</h2>");
  });

  it("says how sure the model is, and how that was measured", () => {
    const data = reportData(["a", "b"]);
    const { temperature, unknownBelow, calibrationError } = data.sureness!.confidence!;
    const page = trainingReport(data);
    expect(page).toContain(`<b>temperature ${Number(temperature.toPrecision(3))}</b>`);
    expect(page).toContain(`Answers below <b>${unknownBelow}</b> are better taken as unknown`);
    expect(page).toContain(
      `is ${calibrationError!.raw.toFixed(1)} % of the logits as they come, and ${calibrationError!.scaled.toFixed(1)} % of each image at a temperature that other images gave`,
    );
    expect(page).toContain(`<dt>Calibration error</dt><dd>${calibrationError!.scaled.toFixed(1)} %`);
    expect(page).toContain("Right answers by probability");
    // What was read from a file has null where nothing was counted.
    const read = JSON.parse(JSON.stringify(data.sureness)) as NonNullable<typeof data.sureness>;
    expect(trainingReport({ ...data, sureness: read })).toBe(page);
  });

  it("says why no temperature was fitted, and draws no curve of a few images", () => {
    const page = trainingReport({ ...reportData(["a", "b"]), sureness: seededSureness(12, "12 images") });
    expect(page).toContain("12 images are too few to tell how sure the model is");
    expect(page).not.toContain("Right answers by probability");
    expect(page).not.toContain("<dt>Calibration error</dt>");
    const none = trainingReport({ ...reportData(["a", "b"]), sureness: seededSureness(0, "no images") });
    expect(none).not.toMatch(/NaN|– of the logits/);
  });

  it("does not draw a loss that has become NaN", () => {
    const data = reportData(["a", "b"]);
    const page = trainingReport({
      ...data,
      epochs: data.epochs.map((epoch) => ({ ...epoch, trainLoss: NaN })),
    });
    expect(page).not.toMatch(/ d="[^"]*NaN/);
    expect(page).toContain("<dt>Training loss</dt><dd>–");
  });

  it("thins out thousands of steps", () => {
    const data = reportData(["a", "b"]);
    const step = (index: number): number => Math.sin(index / 50) + (index % 7) / 20;
    const steps = Array.from({ length: 50_000 }, (_, index) => ({
      imagesProcessed: index,
      loss: index === 31_234 ? 9 : step(index),
      learningRate: 0.1,
    }));
    const page = trainingReport({ ...data, steps });
    expect(page.length).toBeLessThan(120_000);
    // The greatest of all is still there.
    expect(page).toContain('"31,234 images","9"');
  });
});

describe("a confusion page", () => {
  it("has names and counts in its cells for few classes", () => {
    const page = confusionPage(seededConfusion(4, 20), hostile);
    expect(page).toContain('<table class="heat"');
    expect(page).not.toContain("<canvas style");
    expect(page).not.toContain(hostile[0]);
  });

  it("is a picture for many", () => {
    const names = Array.from({ length: 1000 }, (_, index) => (index === 0 ? hostile[0]! : `class ${index}`));
    const page = confusionPage(seededConfusion(1000, 5), names);
    expect(page).toContain('<canvas style="--classes:1000" width="1000"');
    expect(page).not.toContain(hostile[0]);
  });
});
