import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeText } from "../../src/core/storage/index.ts";
import { nodeStorageFor } from "../../src/node/files/file-storage.ts";
import { openNpyWriter } from "../../src/node/output/npy-writer.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const at = (...names: readonly string[]): string => join(folder, ...names);
const write = (path: string, text: string): Promise<void> => writeText(nodeStorageFor(path), path, text);

describe.skipIf(process.platform === "win32")("what is written at", () => {
  it("a link replaces the file that it leads to", async () => {
    mkdirSync(at("elsewhere"));
    writeFileSync(at("elsewhere", "file"), "before");
    symlinkSync(join("elsewhere", "file"), at("link"));
    symlinkSync("link", at("second"));
    await write(at("second"), "after");
    expect(readFileSync(at("elsewhere", "file"), "utf8")).toBe("after");
    expect(["link", "second"].map((name) => lstatSync(at(name)).isSymbolicLink())).toEqual([true, true]);
    expect(readdirSync(folder).filter((name) => name.endsWith(".partial"))).toEqual([]);
  });

  it("a link that leads nowhere stands there itself", async () => {
    symlinkSync("nowhere", at("broken"));
    await write(at("broken"), "text");
    expect(readFileSync(at("broken"), "utf8")).toBe("text");
    expect(existsSync(at("nowhere"))).toBe(false);
  });

  it("a pipe or a device goes through it", async () => {
    execFileSync("mkfifo", [at("pipe")]);
    const reader = spawn("cat", [at("pipe")]);
    let read = "";
    reader.stdout.on("data", (chunk: Buffer) => (read += chunk.toString()));
    const ended = once(reader, "close");
    await write(at("pipe"), "one line\n");
    await ended;
    expect(read).toBe("one line\n");
    expect(lstatSync(at("pipe")).isFIFO()).toBe(true);
    await write("/dev/null", "nothing");
    expect(lstatSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  it("a device is refused where the beginning is written at the end", async () => {
    await expect(openNpyWriter("/dev/null", [2])).rejects.toMatchObject({ code: "data/read-only" });
  });
});
