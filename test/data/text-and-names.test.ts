import { Buffer } from "node:buffer";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { decodeName, decodeText, encodeName, shownName } from "../../src/core/index.ts";
import { contentReader } from "../../src/data/index.ts";
import { nodeStorageFor } from "../../src/node/files/file-storage.ts";
import { openImages } from "../../src/node/library.ts";
import { trainModel } from "../../src/node/training.ts";
import { runCli } from "../support/run-cli.ts";
import { solidPng } from "../support/solid-images.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { collect } from "./collect.ts";
import { tarBytes } from "./tar-fixture.ts";

const folder = temporaryFolder();
/** A path with a byte that is no UTF-8, as Latin-1 has an é. */
const latin1 = (...parts: readonly string[]): Buffer => Buffer.from(join(folder, ...parts), "latin1");

describe("names that are no UTF-8", () => {
  it.each([
    ["caf\xE9", [0x63, 0x61, 0x66, 0xe9], "caf\\xE9"],
    ["a surrogate in UTF-8", [0xed, 0xa0, 0x80], "\\xED\\xA0\\x80"],
    ["a letter that is cut off", [0xe2, 0x82, 0x2f, 0xc3, 0xa9], "\\xE2\\x82/é"],
    ["overlong forms", [0xc0, 0xaf, 0xff], "\\xC0\\xAF\\xFF"],
  ])("keep their bytes and are shown escaped: %s", (_name, bytes, shown) => {
    const name = decodeName(Uint8Array.from(bytes));
    expect([...encodeName(name)!]).toEqual(bytes);
    expect(shownName(name)).toBe(shown);
  });

  it("are text where they are UTF-8", () => {
    for (const name of ["é", "😀.jpg", "a\uFEFFb"]) {
      expect(decodeName(Buffer.from(name))).toBe(name);
      expect(encodeName(name)).toBeUndefined();
      expect(shownName(name)).toBe(name);
    }
  });

  it.runIf(process.platform === "linux")("are found, read, classified and trained on", async () => {
    for (const [name, color] of [
      ["red", [255, 0, 0]],
      ["bl\xE9u", [0, 0, 255]],
    ] as const) {
      mkdirSync(latin1("photos", name), { recursive: true });
      for (const file of ["1.png", "caf\xE9.png"])
        writeFileSync(latin1("photos", name, file), await solidPng(color));
    }
    const photos = join(folder, "photos");
    const source = await openImages([photos]);
    expect(source.classes).toEqual(["bl\\xE9u", "red"]);
    const items = await collect(source);
    expect(items.map(({ id, label }) => [id.slice(photos.length + 1), label])).toEqual([
      ["bl\\xE9u/1.png", "bl\\xE9u"],
      ["bl\\xE9u/caf\\xE9.png", "bl\\xE9u"],
      ["red/1.png", "red"],
      ["red/caf\\xE9.png", "red"],
    ]);
    await using reader = contentReader(nodeStorageFor);
    const sizes = await Promise.all(items.map(async (item) => (await reader.read(item)).byteLength));
    expect(sizes.every((size) => size > 50)).toBe(true);

    const recipe = { base: "quick", epochs: 1, batchSize: 2, validationShare: 0 } as const;
    const out = join(folder, "run");
    const events = await collect(
      trainModel({ data: photos, out, model: "resnet20_cifar10", scratch: true, recipe }),
    );
    expect(events.filter(({ type }) => type === "skipped")).toEqual([]);
    expect(events.at(-1)?.type).toBe("finished");
    const { code, stdout } = await runCli([
      "classify",
      photos,
      "-w",
      join(out, "best.safetensors"),
      "--json",
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain("caf\\\\xE9.png");
  });

  it("are told apart in archives", async () => {
    const members = [0xe9, 0xe8].map((byte) => ({ name: `caf\0.jpg`, body: "picture", byte }));
    const parts = await Promise.all(
      members.map(async ({ byte }) => {
        const bytes = await tarBytes([{ name: "caf?.jpg", body: "picture" }]);
        bytes[3] = byte;
        const sum = [...bytes.subarray(0, 512)].reduce(
          (total, value, at) => total + (at >= 148 && at < 156 ? 32 : value),
          0,
        );
        bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
        return bytes.subarray(0, 1024);
      }),
    );
    const tar = join(folder, "names.tar");
    writeFileSync(tar, Buffer.concat([...parts, Buffer.alloc(1024)]));
    const items = await collect(await openImages([tar]));
    expect(items.map(({ id }) => id)).toEqual([`${tar}/caf\\xE9.jpg`, `${tar}/caf\\xE8.jpg`]);
  });

  it("may stand in a list of paths, which may be UTF-16", async () => {
    const listed = async (bytes: Buffer): Promise<readonly string[]> => {
      async function* stdin(): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
      }
      return (await collect(await openImages(["-"], { stdin: stdin() }))).map(({ id }) => id);
    };
    expect(await listed(Buffer.from("one.jpg\r\ncaf\xE9.jpg\n", "latin1"))).toEqual([
      "one.jpg",
      "caf\\xE9.jpg",
    ]);
    expect(await listed(Buffer.from("\uFEFFone.jpg\r\ntwo é.jpg\r\n", "utf16le"))).toEqual([
      "one.jpg",
      "two é.jpg",
    ]);
    expect(await listed(Buffer.from("\uFEFFone.jpg\ntwo é.jpg"))).toEqual(["one.jpg", "two é.jpg"]);
  });
});

describe("a text file of a user", () => {
  const text = "names: [käse, 猫]\n";
  it.each([
    ["UTF-8", Buffer.from(text)],
    ["UTF-8 with a byte order mark", Buffer.from(`\uFEFF${text}`)],
    ["UTF-16", Buffer.from(text, "utf16le")],
    ["UTF-16 with a byte order mark", Buffer.from(`\uFEFF${text}`, "utf16le")],
    ["UTF-16, big end first", Buffer.from(`\uFEFF${text}`, "utf16le").swap16()],
  ])("may be %s", (_name, bytes) => {
    expect(decodeText(bytes)).toBe(text);
  });

  it("may be a recipe, a list of classes or settings in UTF-16", async () => {
    const put = (name: string, content: string): string => {
      writeFileSync(join(folder, name), Buffer.from(`\uFEFF${content}`, "utf16le"));
      return join(folder, name);
    };
    const recipe = put("recipe.yaml", "epochs: 0\n");
    const settings = put("semi.yaml", "p: 0\n");
    const labels = put("labels.txt", "eins\r\nzwei\r\n");
    const image = join(folder, "red.png");
    writeFileSync(image, await solidPng([255, 0, 0]));
    const results = await Promise.all([
      runCli(["train", folder, "-r", recipe, "-o", join(folder, "no-run")]),
      runCli(["semi", "run", settings, "-o", join(folder, "no-run")]),
      runCli(["classify", image, "--labels", labels]),
    ]);
    expect(results.map(({ code }) => code)).toEqual([2, 2, 1]);
    expect(results[0].stderr).toContain("epochs");
    expect(results[1].stderr).toContain("p: expected at least 1, got 0");
    expect(results[2].stderr).toContain("2 class names were given");
  });
});
