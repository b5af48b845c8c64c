import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkReport, pictureKey, type CheckReportData } from "../../src/check/check-report.ts";
import { findingKinds, type Finding, type FindingKind } from "../../src/check/findings.ts";
import { chromiumMissing, startChromium } from "../support/browser.ts";
import { faintTexts, overflow, screens, showPage } from "../support/shown-page.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const missing = chromiumMissing();

const picture =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/** A check with so many findings of each kind. */
function checked(
  each: number,
  name: string,
  kinds = Object.keys(findingKinds) as FindingKind[],
): CheckReportData {
  const findings = kinds.flatMap((kind) =>
    Array.from({ length: each }, (_, at): Finding => {
      const image = `photos/${name}/${at}.jpg`;
      const isCopy = kind === "copy" || kind === "leak" || kind === "two-labels";
      return {
        kind,
        set: "labelled",
        image,
        label: name,
        found: `mirrored, 99.${at % 10} % alike, 64 x 48 in place of 96 x 72 pixels`,
        ...(isCopy ? { other: { set: "test", image: `test/${image}`, label: `not ${name}` } } : {}),
        action: kind === "label" ? "relabel" : isCopy ? "remove" : "keep",
        ...(kind === "label" ? { to: `not ${name}` } : {}),
      };
    }),
  );
  return {
    findings,
    model: "ssl_resnext50_32x4d",
    pictures: new Map(
      findings
        .flatMap((finding) => (finding.other ? [finding, finding.other] : [finding]))
        .map((image) => [pictureKey(image), picture]),
    ),
    result: {
      report: "check/report.html",
      fixes: "check/fixes.csv",
      sets: [
        { set: "labelled", images: 45_000 },
        { set: "test", images: 5000 },
      ],
      classes: Array.from({ length: each === 0 ? 0 : 40 }, (_, at) => ({
        name: `${name} ${at}`,
        labelled: 1000 - at,
        validation: 0,
        test: at,
      })),
      findings: findings.length,
      problems: kinds.flatMap((kind) =>
        each === 0 ? [] : [{ kind, count: each, text: `${each} images of ${name}: photos/${name}/0.jpg.` }],
      ),
      seconds: 12,
    },
  };
}

describe.skipIf(missing)(`the page of a check in Chromium${missing ? ` (${missing})` : ""}`, () => {
  const folder = temporaryFolder();
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(() => browser.close());

  const cases: readonly (readonly [string, CheckReportData])[] = [
    ["nothing found", checked(0, "cat")],
    ["one of each kind", checked(1, "cat")],
    ["5,000 findings", checked(556, "cat")],
    ["hostile names", checked(3, `</script><b onclick="x">${"m".repeat(90)}`)],
  ];

  it.each(cases)(
    "%s: fits desktop and phone, can be read, complains of nothing, asks for nothing",
    async (_, data) => {
      const html = checkReport(data);
      // Of thousands, the page shows the first ones: it stays a page.
      expect(html.length).toBeLessThan(2e6);
      for (const screen of screens) {
        const { page, messages, requests } = await showPage(browser, folder, html, screen);
        expect(await overflow(page)).toBe(0);
        expect(await faintTexts(page)).toEqual([]);
        expect({ messages, requests }).toEqual({ messages: [], requests: [] });
        await page.close();
      }
    },
  );
});
