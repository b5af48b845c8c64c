import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { trainingReport, type TrainingReportData } from "../../../src/train/index.ts";
import { chromiumMissing, startChromium } from "../../support/browser.ts";
import { reportData } from "../../support/report-data.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const missing = chromiumMissing();

describe.skipIf(missing)(`a training report in Chromium${missing ? ` (${missing})` : ""}`, () => {
  const folder = temporaryFolder();
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(() => browser.close());

  interface ShownPage {
    readonly page: Page;
    /** What the page wrote to its console, exceptions and refused requests included. */
    readonly messages: readonly string[];
    /** Addresses that were asked for, other than the page's own and `data:`. */
    readonly requests: readonly string[];
  }

  async function show(data: TrainingReportData, options?: BrowserContextOptions): Promise<ShownPage> {
    const path = join(folder, "report.html");
    const url = pathToFileURL(path).href;
    writeFileSync(path, trainingReport(data));
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
    const messages: string[] = [];
    const requests: string[] = [];
    page.on("console", (message) => messages.push(message.text()));
    page.on("pageerror", (error) => messages.push(String(error)));
    page.on("request", (request) => {
      if (request.url() !== url && !request.url().startsWith("data:")) requests.push(request.url());
    });
    await page.goto(url);
    return { page, messages, requests };
  }

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
      for (const width of [1280, 390]) {
        const phone = width === 390;
        const { page, messages, requests } = await show(data, {
          viewport: { width, height: 900 },
          colorScheme: phone ? "dark" : "light",
          isMobile: phone,
        });
        const overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        expect(await page.evaluate(overflow)).toBe(0);
        expect(
          await page.evaluate("document.querySelectorAll('b[onerror], main script:not([type])').length"),
        ).toBe(0);
        expect(messages).toEqual([]);
        expect(requests).toEqual([]);
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
