import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SemiReportData } from "../../src/semi/report/data.ts";
import { semiReport } from "../../src/semi/report/semi-report.ts";
import { chromiumMissing, startChromium } from "../support/browser.ts";
import { ownReportData, runs, semiReportData } from "../support/semi-report-data.ts";
import { faintTexts, overflow, screens, showPage } from "../support/shown-page.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const missing = chromiumMissing();

describe.skipIf(missing)(`a semi-supervised report in Chromium${missing ? ` (${missing})` : ""}`, () => {
  const folder = temporaryFolder();
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(() => browser.close());

  const numbered = (length: number): readonly string[] => Array.from({ length }, (_, i) => `class ${i}`);
  const hostile = [
    "</script><b>",
    '"><img src="http://example.org/x" onerror="alert(1)">',
    "\u202E\u0000",
    "m".repeat(90),
  ];
  const worse = async (): Promise<SemiReportData> => ({
    ...(await semiReportData(["a", "b"])),
    title: "m".repeat(120),
    status: "running",
    arms: [
      { kind: "supervised", runs: runs([75.1, 75.2]) },
      { kind: "finetuned", name: "m".repeat(60), runs: runs([73, 73.1]) },
    ],
  });
  const cases: readonly (readonly [string, () => Promise<SemiReportData>])[] = [
    ["ten classes", () => semiReportData(numbered(10))],
    ["one class", () => semiReportData(numbered(1))],
    ["a thousand classes", () => semiReportData(numbered(1000))],
    ["hostile names", () => semiReportData(hostile)],
    ["a loss, and long names", worse],
    ...(["gain", "no gain", "loss", "cannot tell", "labels alone better", "not used"] as const).map(
      (outcome) => [`own photos: ${outcome}`, async () => ownReportData(outcome)] as const,
    ),
    ["own photos, hostile names", async () => ownReportData("no gain", hostile)],
  ];

  it.each(cases)(
    "%s: fits desktop and phone, can be read, complains of nothing, asks for nothing",
    async (_name, data) => {
      const html = semiReport(await data());
      for (const screen of screens) {
        const { page, messages, requests } = await showPage(browser, folder, html, screen);
        expect(await overflow(page)).toBe(0);
        expect(await faintTexts(page)).toEqual([]);
        await page.evaluate(
          "document.querySelectorAll('details').forEach((details) => (details.open = true))",
        );
        expect(await overflow(page)).toBe(0);
        expect(
          await page.evaluate("document.querySelectorAll('img:not([alt]), main script:not([type])').length"),
        ).toBe(0);
        expect(messages).toEqual([]);
        expect(requests).toEqual([]);
        await page.close();
      }
    },
  );

  it("shows outcome, gain and arms on the first screen of a desktop, with however many variants", async () => {
    const data = await semiReportData(numbered(10));
    const variants = numbered(30).map((name) => ({ kind: "other", name, runs: runs([76, 77]) }) as const);
    const html = semiReport({ ...data, arms: [...data.arms, ...variants] });
    const { page } = await showPage(browser, folder, html);
    const bottom = (selector: string): Promise<number> =>
      page.evaluate(`document.querySelector("${selector}").getBoundingClientRect().bottom`);
    expect(await bottom(".headline")).toBeLessThan(300);
    expect(await bottom(".outcome")).toBeLessThan(800);
  });

  it("shows the verdict on own photos and its numbers on the first screen of a desktop", async () => {
    for (const outcome of ["gain", "cannot tell", "labels alone better"] as const) {
      const { page } = await showPage(browser, folder, semiReport(ownReportData(outcome)));
      const bottom = (selector: string): Promise<number> =>
        page.evaluate(`document.querySelector("${selector}").getBoundingClientRect().bottom`);
      expect(await bottom(".headline")).toBeLessThan(400);
      expect(await bottom(".outcome")).toBeLessThan(800);
      await page.close();
    }
  });

  it("keeps the arms a table for those who hear the page, also where a phone stacks its cells", async () => {
    for (const screen of screens) {
      const { page } = await showPage(browser, folder, semiReport(await semiReportData(["a", "b"])), screen);
      const [arms, besides] = await page.getByRole("table", { name: /Images right/ }).all();
      expect(await arms!.getByRole("rowheader").count()).toBe(4);
      expect(await arms!.getByRole("cell", { name: "79.1 ± 0.2 %" }).count()).toBe(1);
      expect(await besides!.getByRole("rowheader").count()).toBe(3);
      await page.close();
    }
  });

  it("sorts the classes by the column that is pressed", async () => {
    const { page } = await showPage(browser, folder, semiReport(await semiReportData(numbered(10))));
    const shares: readonly string[] = await page.evaluate(`(() => {
      const table = document.querySelector(".selection");
      table.querySelectorAll("button")[2].click();
      return [...table.querySelectorAll("tbody tr")].map((row) => row.children[2].textContent);
    })()`);
    const numbers = shares.map(parseFloat);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(numbers[0]).toBeLessThan(numbers.at(-1)!);
  });
});
