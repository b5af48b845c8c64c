import { readdirSync } from "node:fs";
import { expect, it } from "vitest";
import { chromiumMissing } from "../support/browser.ts";

it("the suites beside this file run in Chromium too", ({ skip }) => {
  const missing = chromiumMissing();
  skip(missing !== undefined, missing);
  expect(readdirSync(new URL("suites/", import.meta.url)).length).toBeGreaterThan(0);
});
