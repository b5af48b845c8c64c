import { existsSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig, type TestProjectConfiguration, type ViteUserConfig } from "vitest/config";
import { chromiumArguments, chromiumMissing, chromiumPath } from "./test/support/browser.ts";
import { nodeLogits, testImages } from "./test/support/node-logits.ts";

const timeouts = { testTimeout: 60_000, hookTimeout: 120_000 };

const node: TestProjectConfiguration = {
  test: {
    ...timeouts,
    name: "node",
    include: ["test/**/*.test.ts"],
    exclude: ["test/browser/{suites,isolated}/**"],
  },
};

const root = fileURLToPath(new URL(".", import.meta.url));
const dist = `${root}dist/`;
const archive = existsSync(testImages) ? realpathSync(testImages) : undefined;

/** Runs in a page, with the built package as a browser gets it; `test/browser/chromium.test.ts` says when it cannot. */
const inPage = (
  name: string,
  include: string,
  headers: Record<string, string>,
): TestProjectConfiguration => ({
  resolve: {
    alias: [
      { find: "ssl-resnext/storage", replacement: `${dist}core/storage/index.js` },
      { find: /^ssl-resnext\/(\w+)$/, replacement: `${dist}$1/index.js` },
    ],
  },
  server: { headers, fs: { allow: [root, ...(archive ? [archive] : [])] } },
  // Modules as they are: a dependency that is bundled on discovery reloads the page in the middle of a test.
  optimizeDeps: { noDiscovery: true, include: ["picomatch"] },
  test: {
    ...timeouts,
    name,
    include: [include],
    provide: { testImages: archive },
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      commands: { nodeLogits },
      provider: playwright({ launchOptions: { executablePath: chromiumPath, args: chromiumArguments } }),
      instances: [{ browser: "chromium" }],
    },
  },
});

const chromium = inPage("chromium", "test/browser/suites/*.test.ts", {});
/** A page that is isolated across origins, where threads share memory. */
const isolated = inPage("isolated", "test/browser/isolated/*.test.ts", {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
});

const config: ViteUserConfig = defineConfig({
  test: {
    // Worker threads, pages and the command line run the built files: build them before the first test.
    globalSetup: ["test/support/build.ts"],
    // Files that wait, for a process or a page, leave their core to another.
    maxWorkers: "100%",
    reporters: ["default", "./test/support/closing-line.ts"],
    projects: chromiumMissing() ? [node] : [node, chromium, isolated],
  },
});

export default config;
