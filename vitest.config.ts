import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig, type TestProjectConfiguration, type ViteUserConfig } from "vitest/config";
import { chromiumArguments, chromiumMissing, chromiumPath } from "./test/support/browser.ts";

const timeouts = { testTimeout: 60_000, hookTimeout: 120_000 };

const node: TestProjectConfiguration = {
  test: { ...timeouts, name: "node", include: ["test/**/*.test.ts"], exclude: ["test/browser/suites/**"] },
};

const dist = fileURLToPath(new URL("dist/", import.meta.url));

/** Runs in a page, with the built package as a browser gets it; `test/browser/chromium.test.ts` says when it cannot. */
const chromium: TestProjectConfiguration = {
  resolve: { alias: [{ find: /^ssl-resnext\/(\w+)$/, replacement: `${dist}$1/index.js` }] },
  // Modules as they are: a dependency that is bundled on discovery reloads the page in the middle of a test.
  optimizeDeps: { noDiscovery: true },
  test: {
    ...timeouts,
    name: "chromium",
    include: ["test/browser/suites/*.test.ts"],
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({ launchOptions: { executablePath: chromiumPath, args: chromiumArguments } }),
      instances: [{ browser: "chromium" }],
    },
  },
};

const config: ViteUserConfig = defineConfig({
  test: {
    // Worker threads, pages and the command line run the built files: build them before the first test.
    globalSetup: ["test/support/build.ts"],
    reporters: ["default", "./test/support/closing-line.ts"],
    projects: chromiumMissing() ? [node] : [node, chromium],
  },
});

export default config;
