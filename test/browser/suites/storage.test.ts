import { blobUri, browserStorageFor, indexedDbStorage, opfsStorage } from "ssl-resnext/web";
import { afterAll, describe, expect, it } from "vitest";
import { readBytes, writeBytes, type Storage } from "../../../src/core/storage/index.ts";
import { memoryStorage } from "../../../src/core/storage/memory-storage.ts";
import { contractFiles, storageSuite, type OpenedStorage } from "../../contract/storage.ts";
import { storageInWorker } from "../../support/storage-in-worker.ts";

async function inFolder(storage: Storage, scheme: string): Promise<OpenedStorage> {
  const root = `${scheme}:${crypto.randomUUID()}`;
  await storage.makeFolder(root);
  return { storage, root, close: () => storage.remove(root) };
}

storageSuite("private files", () => inFolder(opfsStorage(), "opfs"), { keepsOpenFiles: false });
const inWorker = storageInWorker();
afterAll(() => inWorker.end());
storageSuite("private files in a worker", () => inFolder(inWorker.storage, "opfs"), {
  keepsOpenFiles: false,
});
storageSuite("a database", () => inFolder(indexedDbStorage(), "idb"));
storageSuite("memory", async () => ({ storage: memoryStorage(), root: "memory:", close: async () => {} }));

describe("a File's name", () => {
  const file = new File([contractFiles["numbers.bin"]!], "grüße #1?.pth");

  it("ends in the name of the file, and stays the same", () => {
    expect(blobUri(file)).toMatch(/^blob:http:.*#\/grüße #1\?\.pth$/);
    expect(blobUri(file)).toBe(blobUri(file));
  });

  it("is one of a storage that reads", async () => {
    const uri = blobUri(file);
    const storage = browserStorageFor(uri);
    expect(await storage.stat(uri)).toMatchObject({ kind: "file", size: 5000 });
    expect(await readBytes(storage, uri)).toEqual(contractFiles["numbers.bin"]);
    await using opened = await storage.open(uri);
    expect(await opened.read(600, 20)).toEqual(contractFiles["numbers.bin"]!.slice(600, 620));
    await expect(opened.read(4999, 2)).rejects.toMatchObject({ code: "data/truncated" });
    await expect(storage.open("blob:http://localhost/absent")).rejects.toMatchObject({
      code: "data/not-found",
    });
    await expect(storage.create(uri)).rejects.toMatchObject({ code: "data/read-only" });
  });
});

it("names the schemes that there are", () => {
  expect(() => browserStorageFor("s3://bucket/a")).toThrow(
    "s3://bucket/a: expected one of http:, https:, data:, blob:, opfs:, idb:, memory:, paths.",
  );
});

it("keeps a large file that grows in pieces", async () => {
  const { storage, root, close } = await inFolder(opfsStorage(), "opfs");
  const uri = storage.join(root, "large.bin");
  const piece = crypto.getRandomValues(new Uint8Array(1 << 16));
  await using file = await storage.grow(uri);
  for (let i = 0; i < 400; i++) await file.append(piece);
  expect((await storage.stat(uri))!.size).toBeGreaterThanOrEqual(16 << 20);
  await file.sync();
  expect((await storage.stat(uri))!.size).toBe(400 << 16);
  expect(await file.read(399 << 16, 1 << 16)).toEqual(piece);
  await close();
});

it("writes private files through streams in a page, and in place in a worker; each reads what the other wrote", async () => {
  expect("createSyncAccessHandle" in FileSystemFileHandle.prototype).toBe(false);
  const { storage, root, close } = await inFolder(opfsStorage(), "opfs");
  const bytes = crypto.getRandomValues(new Uint8Array(1 << 16));
  const before = await inWorker.handles();
  await writeBytes(storage, storage.join(root, "of the page.bin"), [bytes]);
  expect(await inWorker.handles()).toBe(before);
  await writeBytes(inWorker.storage, storage.join(root, "of the worker.bin"), [bytes]);
  expect(await inWorker.handles()).toBe(before + 1);
  expect(await readBytes(inWorker.storage, storage.join(root, "of the page.bin"))).toEqual(bytes);
  expect(await readBytes(storage, storage.join(root, "of the worker.bin"))).toEqual(bytes);
  await close();
});
