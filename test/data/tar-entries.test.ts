import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bytesSource, DataError, seededRandom } from "../../src/core/index.ts";
import type { ImageItem } from "../../src/data/index.ts";
import { tarImages, tarStreamImages } from "../../src/data/tar/tar-images.ts";
import { collect } from "./collect.ts";
import { tarBytes } from "./tar-fixture.ts";

const read = (bytes: Buffer): Promise<ImageItem[]> =>
  collect(tarImages(bytesSource("a.tar", new Uint8Array(bytes))));

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < bytes.byteLength; i += size) yield bytes.subarray(i, i + size);
}

/** Sets the checksum of the header at `offset` to what its bytes now demand. */
function seal(bytes: Buffer, offset = 0): Buffer {
  bytes.fill(0x20, offset + 148, offset + 156);
  const sum = bytes.subarray(offset, offset + 512).reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, offset + 148, "latin1");
  return bytes;
}

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "tar-entries-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe("tar archives in unusual forms", () => {
  it("finds the same images in a file and in a stream of any chunk size", async () => {
    const bytes = await tarBytes([
      { name: "a/1.jpg", body: "x".repeat(1000) },
      { name: "a/2.jpg", body: "" },
      { name: `b/${"long".repeat(60)}.jpg`, body: "y".repeat(512) },
    ]);
    const located = await read(bytes);
    for (const size of [1, 7, 512, 4096]) {
      const streamed = await collect(tarStreamImages("a.tar", inChunks(bytes, size)));
      expect(streamed.map(({ id, label }) => [id, label])).toEqual(
        located.map(({ id, label }) => [id, label]),
      );
      for (const [i, { content }] of located.entries()) {
        const { offset, length } = content as { offset: number; length: number };
        const expected = new Uint8Array(bytes.subarray(offset, offset + length));
        expect(streamed[i]!.content).toEqual({ bytes: expected });
      }
    }
  });

  it("reads sizes in base 256, and archives from before ustar", async () => {
    const bytes = await tarBytes([{ name: "1.jpg", body: "abc" }]);
    bytes.fill(0, 124, 136);
    bytes[124] = 0x80;
    bytes[135] = 3;
    expect((await read(seal(bytes)))[0]!.content).toEqual({ path: "a.tar", offset: 512, length: 3 });
    bytes.fill(0, 257, 265);
    expect(await read(seal(bytes))).toHaveLength(1);
  });

  it("stops at the block of zeros, and accepts an archive without one", async () => {
    const bytes = await tarBytes([{ name: "1.jpg", body: "abc" }]);
    expect(await read(Buffer.concat([bytes, Buffer.from("trailing rubbish")]))).toHaveLength(1);
    expect(await read(bytes.subarray(0, 1024))).toHaveLength(1);
    expect(await read(bytes.subarray(0, 515))).toHaveLength(1);
  });

  it("refuses what it would read wrongly, by name", async () => {
    const plain = await tarBytes([{ name: "1.jpg", body: "abc" }]);
    const changed = (change: (bytes: Buffer) => void): Buffer => {
      const bytes = Buffer.from(plain);
      change(bytes);
      return seal(bytes);
    };
    const cases: readonly (readonly [bytes: Buffer, code: string])[] = [
      [plain.subarray(0, 300), "data/tar-truncated"],
      [plain.subarray(0, 514), "data/tar-truncated"],
      [changed((bytes) => bytes.write("77777777777", 124)), "data/tar-truncated"],
      [changed((bytes) => bytes.write("0000000009x", 124)), "data/tar-header"],
      [changed((bytes) => bytes.fill(0xff, 124, 136)), "data/tar-header"],
      [changed((bytes) => bytes.fill(0x80, 124, 125).fill(0xff, 125, 136)), "data/tar-header"],
      [changed((bytes) => bytes.write("S", 156)), "data/tar-sparse"],
      [
        changed((bytes) => bytes.write("L", 156).toString() && bytes.write("00077777777", 124)),
        "data/tar-header",
      ],
      [await tarBytes([{ name: "1.jpg", body: "", pax: { size: "many" } }]), "data/tar-pax"],
      [await tarBytes([{ name: "1.jpg", body: "", pax: { "GNU.sparse.major": "1" } }]), "data/tar-sparse"],
    ];
    for (const [bytes, code] of cases)
      await expect(read(bytes)).rejects.toMatchObject({ name: "DataError", code });
    // A stream learns of the missing bytes only on the way.
    const claim = changed((bytes) => bytes.write("00077777777", 124));
    await expect(collect(tarStreamImages("a.tar", inChunks(claim, 512)))).rejects.toMatchObject({
      code: "data/tar-truncated",
    });
  });

  it("refuses the sparse files that GNU tar writes", async () => {
    await writeFile(join(root, "hole.jpg"), "x");
    await truncate(join(root, "hole.jpg"), 1_000_000);
    for (const format of ["gnu", "pax"]) {
      execFileSync("tar", ["--sparse", "--format", format, "-cf", "sparse.tar", "hole.jpg"], { cwd: root });
      await expect(read(await readFile(join(root, "sparse.tar")))).rejects.toMatchObject({
        code: "data/tar-sparse",
      });
    }
  });
});

describe("damaged archives", () => {
  const rounds = process.env["SSL_RESNEXT_LONG_TESTS"] === undefined ? 1000 : 20_000;

  it(`ends ${rounds} mutated ones with images or a DataError, and every offset inside the file`, async () => {
    const random = seededRandom(7);
    const original = await tarBytes([
      { name: "cat", type: "directory" },
      { name: "cat/1.jpg", body: "x".repeat(700) },
      { name: "cat/1.cls", body: "3" },
      { name: `dog/${"n".repeat(180)}.jpg`, body: "y".repeat(100) },
      { name: "dog/é.png", body: "z", pax: { comment: "c" } },
      { name: "e.json", body: '{"label": "cat"}' },
      { name: "e.jpg", body: "e" },
    ]);
    execFileSync("tar", [
      "--format",
      "gnu",
      "-cf",
      join(root, "gnu.tar"),
      "-C",
      root,
      "--transform",
      `s,^,${"g".repeat(150)}/,`,
      "hole.jpg",
    ]);
    const originals = [original, (await readFile(join(root, "gnu.tar"))).subarray(0, 4096)];
    let refused = 0;
    for (let round = 0; round < rounds; round++) {
      const bytes = Buffer.from(originals[round % 2]!);
      const headers = [...Array(bytes.byteLength / 512).keys()].filter(
        (i) => bytes.toString("latin1", i * 512 + 257, i * 512 + 262) === "ustar",
      );
      const header = headers[random.integer(headers.length)]! * 512;
      const changes = 1 + random.integer(6);
      for (let i = 0; i < changes; i++) {
        // Half of the changes go where they matter: name, size, type and prefix of a header, or its PAX body.
        const at =
          random.uniform() < 0.5
            ? header + [0, 124, 135, 156, 345, 512][random.integer(6)]! + random.integer(12)
            : random.integer(bytes.byteLength);
        if (at < bytes.byteLength)
          bytes[at] = [0, 0x30, 0x37, 0x80, 0xff, random.integer(256)][random.integer(6)]!;
      }
      if (random.uniform() < 0.8) seal(bytes, header);
      const cut = random.uniform() < 0.2 ? bytes.subarray(0, random.integer(bytes.byteLength)) : bytes;
      try {
        for (const { content } of await read(cut)) {
          const { offset, length } = content as { offset: number; length: number };
          expect(offset + length).toBeLessThanOrEqual(cut.byteLength);
        }
        await collect(tarStreamImages("a.tar", inChunks(cut, 1000)));
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
        refused++;
      }
    }
    // The mutations must reach both the checks and what lies behind them.
    expect(refused).toBeGreaterThan(rounds / 10);
    expect(refused).toBeLessThan((rounds * 19) / 20);
  });
});
