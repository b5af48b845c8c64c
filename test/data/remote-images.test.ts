import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { contentReader, readContent } from "../../src/data/index.ts";
import { nodeStorageFor } from "../../src/node/files/file-storage.ts";
import { openImages } from "../../src/node/library.ts";
import { rangeServer } from "../support/range-server.ts";
import { collect } from "./collect.ts";
import { tarBytes } from "./tar-fixture.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const tar = await tarBytes([
  { name: "cat/1.jpg", body: "x".repeat(100_000) },
  { name: "dog/2.jpg", body: "two" },
]);
const files = {
  "a.jpg": Buffer.from("photo"),
  "pack.tar": tar,
  "pack.tgz": gzipSync(tar),
  "shard-00.tar": tar,
  "shard-01.tar": tar,
};

describe("images behind HTTP", () => {
  it("reads an image in one request", async () => {
    await using server = await rangeServer(files);
    const [item] = await collect(await openImages([`${server.url}a.jpg?size=large`]));
    expect(item).toEqual({
      id: `${server.url}a.jpg?size=large`,
      content: { path: `${server.url}a.jpg?size=large` },
    });
    expect(text(await readContent(nodeStorageFor, item!))).toBe("photo");
    expect(server.requests).toEqual(["HEAD /a.jpg?size=large", "GET /a.jpg?size=large"]);
  });

  it("reads an archive by ranges", async () => {
    await using server = await rangeServer(files);
    const source = await openImages([`${server.url}pack.tar`]);
    expect([source.classes, source.size]).toEqual([["cat", "dog"], 2]);
    const items = await collect(source);
    expect(items.map(({ id }) => id)).toEqual([
      `${server.url}pack.tar/cat/1.jpg`,
      `${server.url}pack.tar/dog/2.jpg`,
    ]);
    await using reader = contentReader(nodeStorageFor);
    expect(text(await reader.read(items[1]!))).toBe("two");
    expect(text(await reader.read(items[0]!))).toBe("x".repeat(100_000));
    const ranges = server.requests.filter((request) => request.startsWith("GET"));
    expect(ranges.every((request) => request.includes("bytes="))).toBe(true);
  });

  it("reads archives of a server without ranges, compressed ones, and ranges of names", async () => {
    await using server = await rangeServer(files, { withoutRanges: true });
    const items = await collect(
      await openImages([`${server.url}pack.tar`, `${server.url}pack.tgz`, `${server.url}shard-{00..01}.tar`]),
    );
    expect(items).toHaveLength(8);
    const texts = await Promise.all(items.map(async (item) => text(await readContent(nodeStorageFor, item))));
    expect(texts.filter((body) => body === "two")).toHaveLength(4);
  });

  it("says what is missing, and that nothing can be listed", async () => {
    await using server = await rangeServer(files);
    for (const [name, code] of [
      ["absent.jpg", "data/not-found"],
      ["absent.tar", "data/not-found"],
      ["*.tar", "data/no-listing"],
    ] as const) {
      await expect(openImages([server.url + name])).rejects.toMatchObject({
        name: "DataError",
        code,
        message: expect.stringContaining(server.url.slice(0, -1)) as string,
      });
    }
    await expect(openImages(["ftp://host/a.tar"])).rejects.toMatchObject({ code: "data/scheme" });
  });
});

describe("a Blob", () => {
  it("gives its bytes", async () => {
    const content = { blob: new Blob(["photo"]) };
    expect(text(await readContent(nodeStorageFor, { content }))).toBe("photo");
  });
});
