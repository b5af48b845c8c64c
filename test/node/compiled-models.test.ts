import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { removeLeastUsed } from "../../src/node/engines/openvino/compiled-models.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();

/** A file of ten bytes that was used in this minute. */
function write(name: string, minute: number): void {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "0123456789");
  utimesSync(path, 60 * minute, 60);
}

describe("compiled models", () => {
  it("stay as long as there is room, those that were used last the longest", async () => {
    for (const [name, minute] of Object.entries({ "a.blob": 3, "b.blob": 1, "c.cl_cache": 2, ".lock": 0 }))
      write(name, minute);
    await removeLeastUsed(folder, 30);
    expect(readdirSync(folder).sort()).toEqual([".lock", "a.blob", "b.blob", "c.cl_cache"]);
    await removeLeastUsed(folder, 25);
    expect(readdirSync(folder).sort()).toEqual([".lock", "a.blob", "c.cl_cache"]);
    await removeLeastUsed(folder, 9);
    expect(readdirSync(folder)).toEqual([".lock"]);
  });

  it("go as a whole, whatever they consist of", async () => {
    const parts = { "a.blob": 1, "a.weights.bin": 4, "b/kernels/1.bin": 5, "b/2.bin": 0, "c.blob": 2 };
    for (const [name, minute] of Object.entries(parts)) write(name, minute);
    await removeLeastUsed(folder, 40);
    expect(readdirSync(folder).sort()).toEqual([".lock", "a.blob", "a.weights.bin", "b"]);
    await removeLeastUsed(folder, 39);
    expect(readdirSync(folder).sort()).toEqual([".lock", "b"]);
    expect(readdirSync(join(folder, "b")).sort()).toEqual(["2.bin", "kernels"]);
    await removeLeastUsed(folder, 19);
    expect(readdirSync(folder)).toEqual([".lock"]);
  });
});
