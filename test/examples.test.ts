import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "./support/temporary-folder.ts";

const run = promisify(execFile);

describe("examples/self-training.mjs", () => {
  const folder = temporaryFolder();

  it("goes from pictures to a report and a model", { timeout: 120_000 }, async () => {
    const { stdout } = await run("node", ["examples/self-training.mjs", folder, "150"]);
    expect(stdout).toMatch(/^scores .*images: 150/m);
    expect(stdout).toMatch(/waves-00009\.png: \w+, [\d.]+ %/);
    expect(existsSync(join(folder, "run/report.html"))).toBe(true);
  });
});
