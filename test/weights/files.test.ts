import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DataError, tensor } from "../../src/core/index.ts";
import { openFileSource } from "../../src/node/files/file-storage.ts";
import { writeFileAtomic } from "../../src/node/files/file-system.ts";
import { encodeSafetensors, openCheckpoint } from "../../src/weights/index.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();

describe("openFileSource", () => {
  it("reads ranges and refuses those outside the file", async () => {
    const path = join(folder, "ranges");
    writeFileSync(
      path,
      Uint8Array.from({ length: 100 }, (_, i) => i),
    );
    const source = await openFileSource(path);
    expect(source.size).toBe(100);
    expect([...(await source.read(97, 3))]).toEqual([97, 98, 99]);
    expect((await source.read(100, 0)).length).toBe(0);
    for (const offset of [99, -1]) {
      await expect(source.read(offset, 2)).rejects.toMatchObject({
        name: "DataError",
        code: "data/truncated",
      });
    }
    await source.close();
    await expect(source.read(0, 1)).rejects.toThrow(/closed|EBADF/);
  });

  it("refuses what is no file", async () => {
    await expect(openFileSource(folder)).rejects.toMatchObject({ code: "data/not-a-file" });
    await expect(openFileSource(join(folder, "absent"))).rejects.toMatchObject({ code: "data/not-found" });
  });

  it("notices a file that becomes shorter", async () => {
    const path = join(folder, "shrinking");
    writeFileSync(path, new Uint8Array(100));
    const source = await openFileSource(path);
    truncateSync(path, 50);
    await expect(source.read(0, 100)).rejects.toMatchObject({ code: "data/truncated" });
    await source.close();
  });
});

describe("writeFileAtomic", () => {
  it("writes a checkpoint that opens again", async () => {
    const path = join(folder, "model.safetensors");
    const weight = tensor("float32", [3], Float32Array.of(1, 2, 3));
    await writeFileAtomic(path, encodeSafetensors(new Map([["weight", weight]])).chunks);
    const source = await openFileSource(path);
    const { tensors } = await openCheckpoint(source);
    expect((await tensors.get("weight")!.load()).data).toEqual(weight.data);
    await source.close();
  });

  it("keeps the earlier file and leaves nothing behind when writing fails or is stopped", async () => {
    const inside = join(folder, "atomic");
    mkdirSync(inside);
    const path = join(inside, "file");
    await writeFileAtomic(path, [Buffer.from("first")]);
    const stop = new AbortController();
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.from("second"));
      throw new Error("no more");
    }
    async function* stopped(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.from("third"));
      stop.abort();
      yield Buffer.from("third");
    }
    await expect(writeFileAtomic(path, failing())).rejects.toThrow("no more");
    await expect(writeFileAtomic(path, stopped(), { signal: stop.signal })).rejects.toThrow(/abort/);
    await expect(writeFileAtomic(inside, [Buffer.from("x")])).rejects.toBeInstanceOf(DataError);
    await expect(writeFileAtomic(join(folder, "absent", "file"), [])).rejects.toMatchObject({
      code: "data/not-found",
    });
    expect(readdirSync(inside)).toEqual(["file"]);
    expect(readdirSync(folder).filter((name) => name.endsWith(".partial"))).toEqual([]);
    expect(readFileSync(path, "utf8")).toBe("first");
  });
});
