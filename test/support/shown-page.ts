import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";

export interface ShownPage {
  readonly page: Page;
  /** What the page wrote to its console, exceptions and refused requests included. */
  readonly messages: readonly string[];
  /** Addresses that were asked for, other than the page's own and `data:`. */
  readonly requests: readonly string[];
}

/** Desktop in light and dark, and phone in light and dark. */
export const screens: readonly BrowserContextOptions[] = [1280, 390].flatMap((width) =>
  (["light", "dark"] as const).map((colorScheme) => ({
    viewport: { width, height: width === 390 ? 844 : 900 },
    colorScheme,
    isMobile: width === 390,
  })),
);

/** Writes a document to the folder and opens it from there, by default on a desktop. */
export async function showPage(
  browser: Browser,
  folder: string,
  html: string,
  options: BrowserContextOptions = {},
): Promise<ShownPage> {
  const path = join(folder, "report.html");
  const url = pathToFileURL(path).href;
  writeFileSync(path, html);
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

/** Pixels that the page is wider than its window. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");

/**
 * Texts that stand out too little from their ground by WCAG 2.2, level AA: 4.5 to 1, large ones 3 to 1. Grounds are
 * the colours of the element and its ancestors, blended.
 */
export const faintTexts = (page: Page): Promise<readonly string[]> =>
  page.evaluate(`(() => {
    const parse = (colour) => {
      const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
      return [r, g, b, a];
    };
    const luminance = (colour) => {
      const [r, g, b] = colour.map((value) => {
        const part = value / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
      if (!element) return [255, 255, 255];
      const [r, g, b, a] = parse(getComputedStyle(element).backgroundColor);
      if (a === 1) return [r, g, b];
      const below = ground(element.parentElement);
      return [r, g, b].map((value, index) => a * value + (1 - a) * below[index]);
    };
    const faint = [];
    for (const element of document.querySelectorAll("main *")) {
      const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join("");
      if (text === "" || element.tagName === "SCRIPT" || !element.checkVisibility()) continue;
      const style = getComputedStyle(element);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      const [a, b] = [luminance(parse(style.color).slice(0, 3)), luminance(ground(element))];
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (contrast < (large ? 3 : 4.5)) faint.push(contrast.toFixed(2) + ": " + text);
    }
    return faint;
  })()`);
