import { readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { removeLeastUsed } from "../../src/node/engines/openvino/compiled-models.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();

/** A file of ten bytes that was used in this minute. */
function write(name: string, minute: number): void {
  const path = join(folder, name);
  writeFileSync(path, "0123456789");
  utimesSync(path, 60 * minute, 60);
}

describe("compiled models", () => {
  it("stay as long as there is room, those that were used last the longest", async () => {
    for (const [name, minute] of Object.entries({ "a.blob": 3, "b.blob": 1, "c.blob": 2, "d.txt": 0 }))
      write(name, minute);
    await removeLeastUsed(folder, 30);
    expect(readdirSync(folder).sort()).toEqual(["a.blob", "b.blob", "c.blob", "d.txt"]);
    await removeLeastUsed(folder, 25);
    expect(readdirSync(folder).sort()).toEqual(["a.blob", "c.blob", "d.txt"]);
    await removeLeastUsed(folder, 9);
    expect(readdirSync(folder)).toEqual(["d.txt"]);
  });
});
