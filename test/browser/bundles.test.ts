import { execFile } from "node:child_process";
import { cp, mkdir, symlink, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createModel } from "../../src/node/library.ts";
import { chromiumMissing, startChromium } from "../support/browser.ts";
import { solidPng } from "../support/solid-images.ts";
import { serveFolder } from "../support/static-server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = temporaryFolder();
const app = join(folder, "app");
const trainingApp = join(folder, "training-app");
const run = promisify(execFile);

/** A page that trains on images of its own. */
const trainingPage = `
import { trainModel } from "ssl-resnext";
const header = new TextEncoder().encode("P6 20 20 255\\n");
const data = ["red", "green", "blue"].flatMap((label, channel) =>
  Array.from({ length: 8 }, (_, i) => {
    const pixels = Uint8Array.from({ length: 1200 }, (_, at) => (at % 3 === channel ? 150 : 60) + ((at * 7919 + i * 31) % 60));
    const file = new File([header, pixels], i + ".ppm");
    Object.defineProperty(file, "webkitRelativePath", { value: "photos/" + label + "/" + i + ".ppm" });
    return file;
  }));
const recipe = { base: "quick", epochs: 1, batchSize: 6, validationShare: 0.25 };
for await (const { type } of trainModel({ data, model: "ssl_resnext17_cifar10", out: "memory:run", recipe }))
  document.querySelector("ol").append(Object.assign(document.createElement("li"), { textContent: type }));
document.body.dataset.done = "";
`;

/** How a page is built out of the example, as someone does who has installed the package. */
const bundlers: Readonly<Record<string, (cwd: string, output: string) => Promise<unknown>>> = {
  Vite: (cwd, output) =>
    run(process.execPath, [join(root, "node_modules/vite/bin/vite.js"), "build", "--outDir", output], {
      cwd,
    }),
  esbuild: (cwd, output) => run(process.execPath, ["esbuild.mjs", output], { cwd }),
};

/** Bytes of a script and of all that it loads before it runs, each file compressed; ONNX Runtime and decoders are not in it. */
async function compressedBytes(script: string): Promise<number> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: script, resolveDir: folder },
    alias: { "ssl-resnext": join(root, "dist/web/browser.js") },
    external: ["onnxruntime-web", "onnxruntime-web/*", "@jsquash/*"],
    conditions: ["browser", "onnxruntime-web-use-extern-wasm"],
    bundle: true,
    minify: true,
    splitting: true,
    format: "esm",
    write: false,
    metafile: true,
    outdir: folder,
    absWorkingDir: folder,
  });
  const { outputs } = metafile;
  const loaded = new Set(Object.keys(outputs).filter((file) => outputs[file]!.entryPoint === "<stdin>"));
  // A set goes on with what is added to it meanwhile.
  for (const file of loaded) {
    for (const { path, kind, external } of outputs[file]!.imports)
      if (kind === "import-statement" && !external) loaded.add(path);
  }
  const files = outputFiles.filter(({ path }) => loaded.has(relative(folder, path)));
  expect(files).toHaveLength(loaded.size);
  return files.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0);
}

describe("what a page that classifies loads before it runs", () => {
  it("stays below 80 kB, compressed", async () => {
    const script = `import { createModel } from "ssl-resnext"; globalThis.createModel = createModel;`;
    const bytes = await compressedBytes(script);
    expect(bytes).toBeLessThan(80_000);
    // So small that something is missing.
    expect(bytes).toBeGreaterThan(40_000);
  });
});

describe("the example in Chromium", () => {
  let browser: Browser;
  let picture: string;
  let expected: string;

  beforeEach(({ skip }) => skip(chromiumMissing() !== undefined, chromiumMissing()));
  beforeAll(async () => {
    if (chromiumMissing()) return;
    await cp(join(root, "examples/browser"), app, { recursive: true });
    await mkdir(join(app, "node_modules/@jsquash"), { recursive: true });
    const installed = ["onnxruntime-web", "@jsquash/jpeg", "@jsquash/png", "@jsquash/webp", "esbuild"];
    for (const name of installed)
      await symlink(join(root, "node_modules", name), join(app, "node_modules", name));
    await symlink(root, join(app, "node_modules/ssl-resnext"));
    await cp(app, trainingApp, { recursive: true, verbatimSymlinks: true });
    await writeFile(join(trainingApp, "main.js"), trainingPage);
    picture = join(folder, "picture.png");
    await writeFile(picture, await solidPng([90, 140, 200], 64));
    const model = await createModel("ssl_resnext17_cifar10", { pretrained: true });
    expected = `picture.png: ${(await model.classify(picture))[0]!.label}`;
    await model.release();
    browser = await startChromium();
  });
  afterAll(() => browser?.close());

  it.each(Object.keys(bundlers))("answers when %s has bundled it", { timeout: 120_000 }, async (name) => {
    const output = join(folder, name);
    await bundlers[name]!(app, output);
    await using server = await serveFolder(output);
    const page = await browser.newPage();
    const elsewhere: string[] = [];
    const problems: string[] = [];
    page.on("request", (request) => {
      const { origin } = new URL(server.url);
      if (!request.url().includes(origin)) elsewhere.push(request.url());
    });
    page.on("response", (response) => {
      if (!response.ok()) problems.push(`${response.status()} ${response.url()}`);
    });
    page.on("console", (message) => problems.push(message.text()));
    page.on("pageerror", (error) => problems.push(error.message));
    await page.goto(server.url);
    await page.locator("input").setInputFiles(picture);
    await page
      .locator("li")
      .waitFor({ timeout: 60_000 })
      .catch(() => undefined);
    expect({ problems, answers: await page.locator("li").allTextContents() }).toEqual({
      problems: [],
      answers: [expected],
    });
    expect(elsewhere).toEqual([]);
    expect(server.sent()).toBeLessThan(5.5e6);
    await page.close();
  });

  it.each(Object.keys(bundlers))("trains when %s has bundled it", { timeout: 120_000 }, async (name) => {
    const output = join(folder, `${name}-training`);
    await bundlers[name]!(trainingApp, output);
    await using server = await serveFolder(output);
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on("console", (message) => problems.push(message.text()));
    page.on("pageerror", (error) => problems.push(error.message));
    await page.goto(server.url);
    await page.waitForSelector("[data-done]", { timeout: 90_000 }).catch(() => undefined);
    expect({ problems, events: await page.locator("li").allTextContents() }).toEqual({
      problems: [],
      events: [
        "started",
        "step",
        "step",
        "step",
        "checkpoint",
        "checkpoint",
        "epoch",
        "no-confidence",
        "finished",
      ],
    });
    await page.close();
  });
});
