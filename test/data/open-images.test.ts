import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { contentReader, readContent } from "../../src/data/index.ts";
import { nodeStorageFor } from "../../src/node/files/file-storage.ts";
import { openImages } from "../../src/node/library.ts";
import { collect } from "./collect.ts";
import { tarBytes } from "./tar-fixture.ts";

let root: string;
const at = (...parts: string[]): string => join(root, ...parts);

async function put(path: string, content: string | Buffer): Promise<string> {
  await mkdir(dirname(at(path)), { recursive: true });
  await writeFile(at(path), content);
  return at(path);
}

async function* stream(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "open-images-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe("folders", () => {
  it("takes the top folder for the label, sorts naturally, and leaves hidden and other files out", async () => {
    for (const name of [
      "dog/10.jpg",
      "dog/9.JPG",
      "dog/deep/x.png",
      "cat/1.webp",
      "cat/.hidden.jpg",
      "cat/notes.txt",
    ]) {
      await put(`classes/${name}`, name);
    }
    await put("classes/.git/a.jpg", "");
    await put("classes/loose.jpg", "");
    await mkdir(at("classes/empty"));
    const source = await openImages([at("classes")]);
    expect(source.classes).toEqual(["cat", "dog", "empty"]);
    expect(source.size).toBe(5);
    const expected = [
      ["cat/1.webp", "cat"],
      ["dog/9.JPG", "dog"],
      ["dog/10.jpg", "dog"],
      ["dog/deep/x.png", "dog"],
      ["loose.jpg", undefined],
    ];
    for (const walk of [1, 2]) {
      const items = await collect(source);
      expect(
        items.map(({ id, label }) => [id.slice(at("classes").length + 1), label]),
        `walk ${walk}`,
      ).toEqual(expected);
    }
  });

  it.each([
    ["recipe.yaml", "# The recipe of this run: all that had an effect.\nbase: quick\n"],
    ["semi.yaml", "# The settings of this run, complete.\n"],
    [".semi.lock", ""],
  ])("leaves out the folder of a run, which has %s", async (name, text) => {
    const folder = `with-${name}`;
    for (const file of ["dog/1.jpg", "cat/1.jpg", "run/picture.png", "dog/run/picture.png"]) {
      await put(`${folder}/${file}`, file);
    }
    for (const run of ["run", "dog/run"]) await put(`${folder}/${run}/${name}`, text);
    await symlink(at(folder, "run"), at(folder, "linked"));
    const expected = [at(folder, "cat/1.jpg"), at(folder, "dog/1.jpg")];
    for (const input of [at(folder), at(folder, "**/*.*")]) {
      expect((await collect(await openImages([input]))).map(({ id }) => id)).toEqual(expected);
    }
    const source = await openImages([at(folder)]);
    expect([source.classes, source.size]).toEqual([["cat", "dog"], 2]);
    // By its own name it is a folder as any other.
    expect(await collect(await openImages([at(folder, "run")]))).toHaveLength(1);
  });

  it("takes a class for what it is whatever files lie among its images", async () => {
    for (const file of ["pizza/1.jpg", "pizza/.lock", "soup/1.jpg", "soup/recipe.yaml", "soup/semi.yaml"]) {
      await put(`dishes/${file}`, "servings: 4");
    }
    expect((await openImages([at("dishes")])).classes).toEqual(["pizza", "soup"]);
  });

  it("leaves out the folder that is written to, by whatever path", async () => {
    for (const file of ["cat/1.jpg", "dog/1.jpg", "heat/1.png"]) await put(`written/${file}`, "");
    const exclude = at("written", "cat", "..", "heat");
    const source = await openImages([at("written")], { exclude });
    expect([source.classes, source.size]).toEqual([["cat", "dog"], 2]);
    expect(await collect(await openImages([at("written")], { exclude, scan: false }))).toHaveLength(2);
  });

  it("has no classes when the images lie directly inside", async () => {
    await put("flat/a.jpg", "");
    const source = await openImages([at("flat")]);
    expect(source.classes).toBeUndefined();
    expect((await collect(source))[0]).toEqual({ id: at("flat/a.jpg"), content: { path: at("flat/a.jpg") } });
  });

  it("follows links to folders, and ends where they form a loop", async () => {
    await put("loop/a/1.jpg", "");
    await put("elsewhere/2.jpg", "");
    await symlink(at("loop"), at("loop/a/back"));
    await symlink(at("elsewhere"), at("loop/b"));
    await symlink(at("nowhere"), at("loop/dangling"));
    const ids = (await collect(await openImages([at("loop")]))).map(({ id }) =>
      id.slice(at("loop").length + 1),
    );
    expect(ids).toEqual(["a/1.jpg", "b/2.jpg"]);
  });

  it("starts at once without a scan", async () => {
    const source = await openImages([at("classes")], { scan: false });
    expect([source.classes, source.size]).toEqual([undefined, undefined]);
    expect(await collect(source)).toHaveLength(5);
  });
});

describe("globs and braces", () => {
  it("expands zero-padded ranges and asks for every shard", async () => {
    for (let i = 8; i <= 11; i++) {
      const shard = String(i).padStart(6, "0");
      await put(`shards/${shard}.tar`, await tarBytes([{ name: `${shard}.jpg`, body: shard }]));
    }
    const source = await openImages([at("shards/{000008..000011}.tar")]);
    expect((await collect(source)).map(({ id }) => id.slice(-10))).toEqual(
      ["000008", "000009", "000010", "000011"].map((name) => `${name}.jpg`),
    );
    expect((await openImages([at("shards/*.tar")])).size).toBe(4);
    await expect(openImages([at("shards/{000008..000012}.tar")])).rejects.toMatchObject({
      name: "DataError",
      code: "data/not-found",
      message: expect.stringContaining("000012.tar") as string,
    });
  });

  it("prefers a file whose name looks like a pattern", async () => {
    const path = await put("odd/[1].jpg", "");
    expect((await collect(await openImages([path]))).map(({ id }) => id)).toEqual([path]);
  });
});

describe("tar archives", () => {
  const long = `${"nested/".repeat(20)}${"x".repeat(120)}.jpg`;

  it("locates each image by offset, with classes, empty ones among them, in ustar, GNU and PAX form", async () => {
    for (const file of ["cat/1.jpg", "dog/2.jpg", `dog/${long}`, "loose.png"])
      await put(`pack/val/${file}`, `bytes of ${file}`);
    await mkdir(at("pack/val/empty"));
    for (const format of ["gnu", "pax", "posix"]) {
      const tar = at(`${format}.tar`);
      execFileSync("tar", ["--format", format, "--sort", "name", "-cf", tar, "-C", at("pack"), "val"]);
      const source = await openImages([tar]);
      expect(source.classes).toEqual(["cat", "dog", "empty"]);
      const items = await collect(source);
      expect(items).toHaveLength(4);
      for (const item of items) {
        const bytes = await readContent(nodeStorageFor, item);
        expect(Buffer.from(bytes).toString()).toBe(`bytes of ${item.id.slice(tar.length + 5)}`);
      }
    }
  });

  it("groups WebDataset samples: the label is .cls or the label of .json, before or after the image", async () => {
    const tar = await put(
      "wds.tar",
      await tarBytes([
        { name: "a.cls", body: "7\n" },
        { name: "a.jpg", body: "A" },
        { name: "b.jpg", body: "B" },
        { name: "b.json", body: '{"label": 12}' },
        { name: "c.png", body: "C" },
        { name: "c.txt", body: "a caption" },
        { name: "d.cls", body: "golden retriever" },
        { name: "d.jpg", body: "D" },
      ]),
    );
    const source = await openImages([tar]);
    expect(source.classes).toEqual(["7", "12", "golden retriever"]);
    expect((await collect(source)).map(({ label }) => label)).toEqual([
      "7",
      "12",
      undefined,
      "golden retriever",
    ]);
  });

  it("reads .tar.gz with the bytes at hand", async () => {
    const tgz = await put("z.tar.gz", gzipSync(await tarBytes([{ name: "cat/1.jpg", body: "one" }])));
    const [item] = await collect(await openImages([tgz]));
    expect(item).toEqual({
      id: `${tgz}/cat/1.jpg`,
      label: "cat",
      content: { bytes: new Uint8Array(Buffer.from("one")) },
    });
    const cut = await put(
      "cut.tgz",
      gzipSync(await tarBytes([{ name: "cat/1.jpg", body: "one" }])).subarray(0, 40),
    );
    await expect(openImages([cut])).rejects.toMatchObject({ name: "DataError", code: "data/gzip" });
  });

  it("never lets an entry name lead outside", async () => {
    const tar = await put(
      "evil.tar",
      await tarBytes([
        { name: "../../evil.jpg", body: "" },
        { name: "/abs/ok.jpg", body: "" },
      ]),
    );
    expect((await collect(await openImages([tar]))).map(({ id }) => id)).toEqual([`${tar}/abs/ok.jpg`]);
  });

  it("reads through few open files, many at once", async () => {
    const items = await collect(await openImages([at("shards/*.tar")]));
    await using reader = contentReader(nodeStorageFor, 2);
    const order = Array.from({ length: 200 }, (_, i) => items[(i * 7) % items.length]!);
    const texts = await Promise.all(
      order.map(async (item) => Buffer.from(await reader.read(item)).toString()),
    );
    expect(texts).toEqual(order.map(({ id }) => id.slice(-10, -4)));
  });
});

describe("standard input", () => {
  it("recognises one image", async () => {
    const jpeg = new Uint8Array([0xff, 0xd8, 0xff, 0xe0, 1, 2]);
    const items = await collect(
      await openImages(["-"], { stdin: stream(jpeg.subarray(0, 2), jpeg.subarray(2)) }),
    );
    expect(items).toEqual([{ id: "-", content: { bytes: jpeg } }]);
  });

  it("recognises a tar stream, compressed or not, in chunks of any size", async () => {
    const tar = await tarBytes([
      { name: "cat/1.jpg", body: "x".repeat(3000) },
      { name: "dog/2.jpg", body: "two" },
    ]);
    for (const bytes of [tar, gzipSync(tar)]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / 100) }, (_, i) =>
        bytes.subarray(i * 100, i * 100 + 100),
      );
      const items = await collect(await openImages(["-"], { stdin: stream(...chunks) }));
      expect(items.map(({ id, label }) => [id, label])).toEqual([
        ["-/cat/1.jpg", "cat"],
        ["-/dog/2.jpg", "dog"],
      ]);
    }
  });

  it("recognises a list of paths by line or NUL", async () => {
    const paths = [at("flat/a.jpg"), at("missing.jpg"), at("classes/dog")];
    const expected = [
      at("flat/a.jpg"),
      at("missing.jpg"),
      ...["9.JPG", "10.jpg", "deep/x.png"].map((n) => at("classes/dog", n)),
    ];
    for (const separator of ["\n", "\r\n", "\0"]) {
      const text = Buffer.from(paths.join(separator));
      const source = await openImages(["-"], { stdin: stream(text.subarray(0, 30), text.subarray(30)) });
      expect((await collect(source)).map(({ id }) => id)).toEqual(expected);
      await expect(collect(source)).rejects.toMatchObject({ code: "data/stdin" });
    }
  });
});

describe("what is missing", () => {
  it("says so with a stable code", async () => {
    await mkdir(at("nothing"), { recursive: true });
    const cases: readonly (readonly [inputs: string[], code: string])[] = [
      [[at("absent.jpg")], "data/not-found"],
      [[at("absent-folder")], "data/not-found"],
      [[at("absent.tar")], "data/not-found"],
      [[at("absent.tgz")], "data/not-found"],
      [[at("absent.parquet")], "data/not-found"],
      [[at("absent*.jpg")], "data/no-match"],
      [[at("nothing")], "data/no-images"],
      [[], "data/no-images"],
      [[await put("photos.zip", "PK")], "data/archive"],
      [[await put("not.tar", "x".repeat(2000))], "data/tar-header"],
      [[await put("short.tar", "x".repeat(100))], "data/tar-truncated"],
    ];
    for (const [inputs, code] of cases) {
      await expect(openImages(inputs)).rejects.toMatchObject({ name: "DataError", code });
    }
    await expect(collect(await openImages(["-"], { stdin: stream() }))).rejects.toMatchObject({
      code: "data/stdin",
    });
    await expect(readContent(nodeStorageFor, { content: { path: at("absent.jpg") } })).rejects.toMatchObject({
      code: "data/not-found",
    });
    await expect(
      readContent(nodeStorageFor, { content: { path: at("not.tar"), offset: 1000, length: 2 ** 40 } }),
    ).rejects.toMatchObject({ code: "data/truncated" });
  });

  it("leaves an image that is missing among others to fail on its own", async () => {
    const paths = [at("absent.jpg"), at("flat/a.jpg"), at("gone.png")];
    const items = await collect(await openImages(paths));
    expect(items.map(({ id }) => id)).toEqual(paths);
    await expect(openImages([at("absent.jpg"), at("gone.png")])).rejects.toMatchObject({
      code: "data/not-found",
      message: expect.stringContaining("absent.jpg") as string,
    });
    await expect(openImages([at("flat/a.jpg"), at("absent.tar")])).rejects.toMatchObject({
      code: "data/not-found",
    });
  });

  it("stops when aborted", async () => {
    await expect(openImages([at("classes")], { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: "AbortError",
    });
  });
});

const cifar = new URL("../../../shared/data/cifar10/labelled-4000.tar", import.meta.url).pathname;

describe.skipIf(!existsSync(cifar))(
  "CIFAR-10 as class folders in a tar (skipped without ../shared/data)",
  () => {
    it("has 400 images in each of 10 classes, and the bytes that tar extracts", async () => {
      const source = await openImages([cifar]);
      expect(source.size).toBe(4000);
      expect(source.classes).toHaveLength(10);
      const items = await collect(source);
      for (const name of source.classes!)
        expect(items.filter(({ label }) => label === name)).toHaveLength(400);
      await using reader = contentReader(nodeStorageFor);
      for (const item of [items[0]!, items[1234]!, items[3999]!]) {
        const extracted = execFileSync("tar", ["-xOf", cifar, item.id.slice(cifar.length + 1)]);
        expect(Buffer.from(await reader.read(item)).equals(extracted)).toBe(true);
      }
    });
  },
);
