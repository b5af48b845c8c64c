/**
 * Takes the pictures of a page that README and docs show, in light and in dark: `npm run demo`, then
 * `node scripts/page-pictures.mjs demo/run/report.html .github/pictures/demo`. Two selectors after that name the parts of the page
 * from and to which the picture goes. Needs Chromium, from `CHROMIUM` or /usr/bin/chromium.
 */
import { mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import sharp from "sharp";

// By default from the headline of a report to the models that are compared.
const [page, target, from = ".headline", to = ".outcome"] = process.argv.slice(2);
if (page === undefined || target === undefined) {
  console.error("Give a page and where its pictures go: demo/run/report.html .github/pictures/demo");
  process.exit(2);
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
await mkdir(dirname(target), { recursive: true });
for (const colorScheme of ["light", "dark"]) {
  const shown = await browser.newPage({
    viewport: { width: 1200, height: 900 },
    deviceScaleFactor: 1.5,
    colorScheme,
  });
  await shown.goto(pathToFileURL(resolve(page)).href);
  const [first, last] = await Promise.all(
    [from, to].map((part) => shown.locator(part).first().boundingBox()),
  );
  const y = first.y - 20;
  const picture = await shown.screenshot({
    clip: { x: 0, y, width: 1200, height: last.y + last.height + 12 - y },
  });
  // A palette keeps text sharp in a third of the bytes.
  const { size } = await sharp(picture)
    .png({ palette: true, colours: 64, compressionLevel: 9, effort: 10 })
    .toFile(`${target}-${colorScheme}.png`);
  console.log(`${target}-${colorScheme}.png: ${size} bytes`);
  await shown.close();
}
await browser.close();
