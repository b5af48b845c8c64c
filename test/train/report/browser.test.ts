import type { Browser, BrowserContextOptions } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { trainingReport, type TrainingReportData } from "../../../src/train/index.ts";
import { chromiumMissing, startChromium } from "../../support/browser.ts";
import { reportData } from "../../support/report-data.ts";
import { faintTexts, overflow, screens, showPage, type ShownPage } from "../../support/shown-page.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const missing = chromiumMissing();

describe.skipIf(missing)(`a training report in Chromium${missing ? ` (${missing})` : ""}`, () => {
  const folder = temporaryFolder();
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(() => browser.close());

  const show = (data: TrainingReportData, options?: BrowserContextOptions): Promise<ShownPage> =>
    showPage(browser, folder, trainingReport(data), options);

  const hostile = [
    "</script><b>",
    '"><img src="http://example.org/x" onerror="alert(1)">',
    "\u202E\u0000",
    "<!--",
  ];
  const many = Array.from({ length: 200 }, (_, index) => `class ${index}`);
  const { validation: _, ...partial } = reportData(["a", "b"]);
  const cases: readonly (readonly [string, TrainingReportData])[] = [
    ["a whole run", reportData(["cat", "dog", "horse"])],
    ["hostile names", { ...reportData(hostile), title: hostile[1]! }],
    ["many classes", reportData(many)],
    ["one epoch without validation", { ...partial, epochs: partial.epochs.slice(0, 1), steps: [] }],
  ];

  it.each(cases)(
    "%s: fits desktop and phone, complains of nothing, asks for nothing",
    async (_name, data) => {
      for (const screen of screens) {
        const { page, messages, requests } = await show(data, screen);
        expect(await overflow(page)).toBe(0);
        expect(await faintTexts(page)).toEqual([]);
        expect(
          await page.evaluate("document.querySelectorAll('b[onerror], main script:not([type])').length"),
        ).toBe(0);
        expect(messages).toEqual([]);
        expect(requests).toEqual([]);
        await page.close();
      }
    },
  );

  it("reads values off at the pointer, and goes back when it leaves", async () => {
    const { page, messages } = await show(reportData(["cat", "dog"]));
    const readOut = (event: string): Promise<string> =>
      page.evaluate(`(() => {
        const plot = document.querySelectorAll(".plot")[1];
        const { left, width } = plot.getBoundingClientRect();
        plot.dispatchEvent(new PointerEvent("${event}", { clientX: left + width * 0.45 }));
        return plot.parentElement.querySelector(".at").textContent + ": " +
          plot.parentElement.querySelector(".legend").textContent;
      })()`);
    expect(await readOut("pointermove")).toContain(
      "epoch 1 · 3,600 images: training 40 %validation top-1 35 %",
    );
    expect(await readOut("pointerleave")).toContain(
      "epoch 2 · 7,200 images: training 80 %validation top-1 70 %",
    );
    expect(messages).toEqual([]);
  });

  it("fades a table where it goes on beyond a phone's screen, and only there", async () => {
    const names = ["a class with a name of some length", "another one, no shorter than that", "a third one"];
    const fades = (page: ShownPage["page"], scroll: string): Promise<readonly [string, string]> =>
      page.evaluate(`(async () => {
        const box = document.querySelector(".sortable").closest(".scroll");
        box.scrollLeft = ${scroll};
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        return [box.style.getPropertyValue("--before"), box.style.getPropertyValue("--beyond")];
      })()`);
    const phone = await show(reportData(names), {
      ...screens.at(-1)!,
      viewport: { width: 300, height: 700 },
    });
    expect(await fades(phone.page, "0")).toEqual(["0px", "32px"]);
    expect(await fades(phone.page, "box.scrollWidth")).toEqual(["32px", "0px"]);
    const desktop = await show(reportData(names));
    expect(await fades(desktop.page, "0")).toEqual(["0px", "0px"]);
  });

  it("sorts the classes by the column that is pressed", async () => {
    const { page } = await show(reportData(["cat", "dog", "ant"]));
    const press = (column: number): Promise<readonly string[]> =>
      page.evaluate(`(() => {
        const table = document.querySelector(".sortable");
        table.querySelectorAll("button")[${column}].click();
        return [...table.querySelectorAll("tbody tr")].map((row) => row.children[${column}].textContent);
      })()`);
    expect(await press(0)).toEqual(["ant", "cat", "dog"]);
    expect(await press(0)).toEqual(["dog", "cat", "ant"]);
    const precisions = (await press(3)).map(parseFloat);
    expect(precisions).toEqual([...precisions].sort((a, b) => a - b));
  });
});
