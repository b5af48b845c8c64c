import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import {
  baseName,
  httpStorage,
  memoryStorage,
  readBytes,
  storageTable,
} from "../../src/core/storage/index.ts";
import { nodeStorageFor } from "../../src/node/files/file-storage.ts";
import { collect } from "../data/collect.ts";
import { rangeServer } from "../support/range-server.ts";
import { contractFiles, readingSuite, storageSuite, type OpenedStorage } from "./storage.ts";

async function inFolder(nameOf: (path: string) => string): Promise<OpenedStorage> {
  const folder = await mkdtemp(join(tmpdir(), "storage-"));
  const root = nameOf(folder);
  const close = (): Promise<void> => rm(folder, { recursive: true, force: true });
  return { storage: nodeStorageFor(root), root, close };
}

storageSuite("paths", () => inFolder((path) => path));
storageSuite("file: URLs", () => inFolder((path) => pathToFileURL(path).href));
storageSuite("memory", async () => ({ storage: memoryStorage(), root: "memory:", close: async () => {} }));

for (const [name, options] of Object.entries({
  "HTTP with ranges": {},
  "HTTP without ranges": { withoutRanges: true },
  "HTTP without HEAD": { withoutHead: true },
})) {
  readingSuite(name, async () => {
    const server = await rangeServer(contractFiles, options);
    const close = async (): Promise<void> => server[Symbol.asyncDispose]();
    return { storage: nodeStorageFor(server.url), root: server.url, close };
  });
}

describe("HTTP", () => {
  it("reads what is asked for and no more", async () => {
    await using server = await rangeServer(contractFiles);
    await using file = await httpStorage().open(`${server.url}numbers.bin`);
    await file.read(1000, 24);
    await readBytes(httpStorage(), `${server.url}numbers.bin`);
    expect(server.requests).toEqual([
      "HEAD /numbers.bin",
      "GET /numbers.bin bytes=1000-1023",
      "GET /numbers.bin",
    ]);
  });

  it("notices a file that has changed", async () => {
    const files = { "log.bin": new Uint8Array(5000) };
    await using server = await rangeServer(files);
    await using file = await httpStorage().open(`${server.url}log.bin`);
    files["log.bin"] = new Uint8Array(4000);
    await expect(file.read(0, 10)).rejects.toMatchObject({ code: "data/truncated" });
  });

  it("can only be read", async () => {
    await using server = await rangeServer({});
    const storage = httpStorage();
    const uri = `${server.url}a.bin`;
    for (const refused of [
      () => storage.create(uri),
      () => storage.grow(uri),
      () => storage.makeFolder(uri),
      () => storage.move(uri, uri),
      () => storage.remove(uri),
      () => storage.lock(uri),
    ])
      await expect(refused()).rejects.toMatchObject({ name: "DataError", code: "data/read-only" });
    await expect(collect(storage.list(uri))).rejects.toMatchObject({ code: "data/no-listing" });
    expect(server.requests).toEqual([]);
  });

  it("says when there is no server", async () => {
    const server = await rangeServer({});
    await server[Symbol.asyncDispose]();
    await expect(httpStorage().open(`${server.url}a.bin`)).rejects.toMatchObject({
      code: "data/unreadable",
      message: expect.stringMatching(/a\.bin: .*ECONNREFUSED.*Check the address/) as string,
    });
  });
});

describe("the disk", () => {
  it("reads pipes and files that state no size", async () => {
    expect(
      (await readBytes(nodeStorageFor("/proc/self/status"), "/proc/self/status")).length,
    ).toBeGreaterThan(100);
  });

  it("lists links as such, and knows a folder by its links", async () => {
    const { storage, root, close } = await inFolder((path) => path);
    await symlink(root, join(root, "back"));
    expect(await collect(storage.list(root))).toEqual([{ name: "back", kind: "link" }]);
    const [here, back] = [await storage.stat(root), await storage.stat(join(root, "back"))];
    expect(back!.identity).toBe(here!.identity);
    await close();
  });

  it("says what the system refuses", async () => {
    const { storage, root, close } = await inFolder((path) => path);
    await writeFile(join(root, "file"), "");
    const below = join(root, "file", "a.jpg");
    await expect(storage.stat(below)).rejects.toMatchObject({
      code: "data/not-found",
      message: `${below}: a part of the path is no folder. Check the path.`,
    });
    await expect(storage.list(join(root, "file"))[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: "data/not-found",
    });
    await close();
  });
});

describe("the table of schemes", () => {
  const [paths, http, memory] = [memoryStorage(), memoryStorage(), memoryStorage()];
  const storageFor = storageTable({ http, memory }, paths);

  it("finds a storage by the scheme", () => {
    expect(storageFor("HTTP://host/a")).toBe(http);
    expect(storageFor("memory:a")).toBe(memory);
    for (const path of ["a.jpg", "/a.jpg", "C:\\a.jpg", "C:/a.jpg", "date:12.jpg", "constructor:a"])
      expect(storageFor(path)).toBe(paths);
  });

  it("names the schemes that there are", () => {
    expect(() => storageFor("s3://bucket/a")).toThrow(
      "s3://bucket/a: expected one of http:, memory:, paths.",
    );
    expect(() => storageTable({ http }, undefined)("a.jpg")).toThrow("expected one of http:.");
  });

  it("takes the last part of a name", () => {
    expect(
      ["/a/b.tar", "b.tar", "https://host/a/b.tar?x=/y#z", "/a/what?.jpg", "/a/b/"].map(baseName),
    ).toEqual(["b.tar", "b.tar", "b.tar", "what?.jpg", "b"]);
  });
});
