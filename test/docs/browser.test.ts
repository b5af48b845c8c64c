import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import * as inNode from "../../src/index.ts";
import * as inPage from "../../src/web/browser.ts";

it("says which functions of the package a page lacks, and no others are missing", () => {
  const lacking = Object.keys(inNode).filter((name) => !(name in inPage));
  expect(lacking).toEqual(["exportHuggingFace", "explanationPng", "applyFixes", "checkImages", "runSemi"]);
  const text = readFileSync(new URL("../../docs/browser.md", import.meta.url), "utf8");
  expect(text).toContain(
    "which has the same functions but `runSemi`, `checkImages`, `applyFixes`, `explanationPng` and `exportHuggingFace`.",
  );
});
