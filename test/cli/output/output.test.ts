import { printable } from "../../../src/core/index.ts";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bar,
  bytes,
  clock,
  duration,
  grouped,
  percent,
  plural,
  si,
} from "../../../src/cli/output/numbers.ts";
import { downloadLine, progressLine } from "../../../src/cli/output/progress.ts";
import {
  definitions,
  pad,
  table,
  textWidth,
  truncate,
  truncateStart,
} from "../../../src/cli/output/table.ts";
import { styleFor } from "../../../src/cli/output/terminal.ts";
import { failureLines, predictionLines } from "../../../src/cli/output/write-answers.ts";

const plain = styleFor(false, {});

describe("text width", () => {
  it.each([
    ["brambling", 9],
    ["日本語", 6],
    ["e\u0301", 1],
    ["👩‍🚀", 2],
    ["café", 4],
    ["🇩🇪 ✈️", 5],
    ["한글", 4],
    ["𗀀", 2],
    ["", 0],
  ])("%s takes %i columns", (text, columns) => expect(textWidth(text)).toBe(columns));

  it("shortens without cutting a wide character in two", () => {
    expect(truncate("日本語のラベル", 8)).toBe("日本語…");
    expect(truncateStart("photos/dog.jpg", 8)).toBe("…dog.jpg");
  });

  it("never exceeds the columns it was given", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 1, max: 30 }), (text, columns) => {
        expect(textWidth(truncate(text, columns))).toBeLessThanOrEqual(columns);
        expect(textWidth(truncateStart(text, columns))).toBeLessThanOrEqual(columns);
        expect(textWidth(pad(truncate(text, columns), columns))).toBe(columns);
      }),
    );
  });

  it("shows control characters instead of obeying them", () => {
    expect(printable("a\u001B[31m\nb\u009B\u202Ec")).toBe(String.raw`a\u001b[31m\nb\u009b\u202ec`);
  });
});

describe("bar", () => {
  it.each([
    [1, "████"],
    [0.5, "██  "],
    [0.5625, "██▎ "],
    [0.00001, "▏   "],
    [0, "    "],
    [Number.NaN, "    "],
    [7, "████"],
  ])("%d", (share, text) => expect(bar(share, 4)).toBe(text));

  it("grows with the share and keeps its width", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 40 }),
        (share, columns) => {
          expect(textWidth(bar(share, columns))).toBe(columns);
        },
      ),
    );
  });
});

describe("numbers", () => {
  it("reads well", () => {
    expect(grouped(25_028_904)).toBe("25,028,904");
    expect(si(4_230_479_872)).toBe("4.23 G");
    expect(bytes(100_428_550)).toBe("100.4 MB");
    expect(percent(0.8731)).toBe("87.31 %");
    expect(percent(Number.NaN)).toBe("– %");
    expect([clock(7), clock(187), clock(3_725)]).toEqual(["0:07", "3:07", "1:02:05"]);
    expect([duration(0.26), duration(187)]).toEqual(["0.3 s", "3:07"]);
    expect([plural(1, "image"), plural(2000, "image")]).toEqual(["1 image", "2,000 images"]);
  });
});

describe("table", () => {
  it("aligns its columns", () => {
    const lines = table(
      [{ title: "name" }, { title: "top-1", align: "right" }],
      [
        ["ssl_resnet18", "72.62"],
        ["tiny", "9"],
      ],
    );
    expect(lines).toEqual(["name          top-1", "ssl_resnet18  72.62", "tiny              9"]);
  });

  it("cuts the column that may shrink", () => {
    const lines = table(
      [{ title: "image", shrink: true }, { title: "n" }],
      [["a long file name.jpg", "12"]],
      16,
    );
    expect(lines).toEqual(["image         n", "a long file…  12"]);
  });

  it("indents the further lines of a value", () => {
    expect(
      definitions([
        ["a", "1"],
        ["bcd", "2\n3"],
      ]),
    ).toEqual(["a    1", "bcd  2", "     3"]);
  });
});

describe("progress line", () => {
  const progress = { done: 312, total: 1000, failed: 2, seconds: 9.1, noun: "images" };

  it("has bar, count, rate, ETA and failures", () => {
    expect(progressLine(progress, 80)).toBe(
      "██████▎              312/1,000 images · 34.3/s · ETA 0:20 · 2 failed",
    );
  });

  it("leaves the bar out where it is narrow", () => {
    expect(progressLine(progress, 60)).toBe("312/1,000 images · 34.3/s · ETA 0:20 · 2 failed");
  });

  it("counts when the total is not known", () => {
    expect(progressLine({ ...progress, total: undefined, failed: 0 }, 80)).toBe("312 images · 34.3/s · 0:09");
  });

  it("never wraps", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 200 }), (columns) => {
        expect(textWidth(progressLine(progress, columns))).toBeLessThan(columns);
      }),
    );
  });
});

describe("download line", () => {
  const download = { received: 25e6, total: 100_428_550, rate: 5e6 };

  it("has bar, bytes, rate and ETA", () => {
    expect(downloadLine(download, 80)).toBe("█████                25.0 MB of 100.4 MB · 5.0 MB/s · ETA 0:15");
    expect(downloadLine(download, 50)).toBe("25.0 MB of 100.4 MB · 5.0 MB/s · ETA 0:15");
    expect(downloadLine({ ...download, total: undefined }, 80)).toBe("25.0 MB · 5.0 MB/s");
  });
});

describe("predictions", () => {
  const ranked = [
    { label: "brambling", share: 0.8731 },
    { label: "日本語のラベル", share: 0.0412 },
    { label: "robin", share: 0.00001 },
  ];

  it("aligns labels, bars and figures", () => {
    expect(predictionLines("photos/brambling.jpg", ranked, { columns: 60, style: plain })).toEqual([
      "photos/brambling.jpg",
      "  brambling       ████████████████████████████       87.31 %",
      "  日本語のラベル  █▍                                  4.12 %",
      "  robin           ▏                                   0.00 %",
    ]);
  });

  it("fits every terminal", () => {
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 200 }), (columns) => {
        for (const line of predictionLines("photos/brambling.jpg", ranked, { columns, style: plain })) {
          expect(textWidth(line)).toBeLessThanOrEqual(columns);
        }
      }),
    );
  });

  it("says why an image failed", () => {
    expect(failureLines("bad.jpg", "not an image", { columns: 80, style: plain })).toEqual([
      "bad.jpg",
      "  failed  not an image",
    ]);
  });
});

describe("style", () => {
  it.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: "1" }, false],
    [true, { NO_COLOR: "" }, true],
    [false, { FORCE_COLOR: "1" }, true],
    [true, { FORCE_COLOR: "0" }, false],
    [true, { FORCE_COLOR: "1", NO_COLOR: "1" }, false],
  ])("terminal %s with %j", (terminal, environment, coloured) => {
    const text = styleFor(terminal, environment).bold("x");
    expect(text).toBe(coloured ? "\u001B[1mx\u001B[22m" : "x");
  });
});
