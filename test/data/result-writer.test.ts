import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openResultWriter, type ResultFormat } from "../../src/node/output/open-result-writer.ts";
import type { ResultColumn, ResultRow } from "../../src/node/output/text-encoders.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "result-writer-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function written(
  format: ResultFormat,
  rows: readonly ResultRow[],
  columns?: readonly ResultColumn[],
): Promise<string> {
  const path = join(root, `${crypto.randomUUID()}.${format}`);
  const writer = await openResultWriter({ format, path, columns });
  try {
    for (const row of rows) await writer.write(row);
    await writer.close();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  return path;
}

const rows: readonly ResultRow[] = [
  { image: 'a "b", c\nd.jpg', embedding: new Float32Array([0.1, -1e-8, 3]), ok: true },
  { image: "ü.jpg", embedding: new Float32Array([1 / 3, 2, NaN]), ok: null },
];

describe("openResultWriter", () => {
  it("writes JSON Lines and JSON with the shortest numbers that give the same floats", async () => {
    const expected = [
      { image: 'a "b", c\nd.jpg', embedding: [0.1, -1e-8, 3], ok: true },
      { image: "ü.jpg", embedding: [0.33333334, 2, null], ok: null },
    ];
    const lines = (await readFile(await written("jsonl", rows), "utf8")).split("\n");
    expect(lines.pop()).toBe("");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(expected);
    expect(JSON.parse(await readFile(await written("json", rows), "utf8"))).toEqual(expected);
    expect(JSON.parse(await readFile(await written("json", []), "utf8"))).toEqual([]);
  });

  it("writes CSV with a column for each number of an embedding", async () => {
    expect(await readFile(await written("csv", rows), "utf8")).toBe(
      'image,e0,e1,e2,ok\n"a ""b"", c\nd.jpg",0.1,-1e-8,3,true\nü.jpg,0.33333334,2,NaN,\n',
    );
    const nested = await written("csv", [{ predictions: [{ index: 1 }] }]);
    expect(await readFile(nested, "utf8")).toBe('predictions\n"[{""index"":1}]"\n');
    expect(await readFile(await written("csv", [], ["a", "b"]), "utf8")).toBe("a,b\n");
    await expect(written("csv", [{ a: 1 }, { a: 1, b: 2 }])).rejects.toMatchObject({ code: "data/columns" });
  });

  it("writes Parquet with lists of floats and nested predictions, in several row groups", async () => {
    const many = Array.from({ length: 1200 }, (_, i) => ({
      image: `${i}.jpg`,
      embedding: Float32Array.from({ length: 1024 }, (_value, j) => Math.fround(i + j / 1024)),
      predictions: i % 3 === 0 ? null : [{ index: i, label: "x", probability: 0.5 }],
    }));
    const file = await asyncBufferFromFile(await written("parquet", many));
    const metadata = await parquetMetadataAsync(file);
    expect(metadata.row_groups.length).toBeGreaterThan(1);
    expect(metadata.schema.find(({ type }) => type === "FLOAT")?.repetition_type).toBe("REQUIRED");
    const read = await parquetReadObjects({ file });
    expect(read).toHaveLength(1200);
    for (const i of [0, 1, 1199]) {
      const { embedding, predictions, image } = many[i]!;
      expect(read[i]).toEqual({
        image,
        embedding: Array.from(embedding),
        predictions: predictions ?? undefined,
      });
    }
    expect(
      await parquetReadObjects({ file: await asyncBufferFromFile(await written("parquet", [], ["image"])) }),
    ).toEqual([]);
    await expect(written("parquet", [{ a: 1 }, { a: "text" }])).rejects.toMatchObject({
      code: "data/columns",
    });
  });

  it("keeps room for the vectors of columns that are named, when the first image failed", async () => {
    const columns = ["image", { name: "embedding", length: 2 }, "error"];
    const failedFirst = [
      { image: "bad.jpg", error: "no image" },
      { image: "good.jpg", embedding: new Float32Array([1, 2]) },
    ];
    expect(await readFile(await written("csv", failedFirst, columns), "utf8")).toBe(
      "image,e0,e1,error\nbad.jpg,,,no image\ngood.jpg,1,2,\n",
    );
    const file = await asyncBufferFromFile(await written("parquet", failedFirst, columns));
    expect(await parquetReadObjects({ file })).toEqual([
      { image: "bad.jpg", error: "no image" },
      { image: "good.jpg", embedding: [1, 2], error: null },
    ]);
    await expect(written("csv", [{ embedding: new Float32Array(3) }], columns)).rejects.toMatchObject({
      code: "data/columns",
    });
  });

  it("keeps the types of columns that are named, when a whole row group of images failed", async () => {
    const columns: readonly ResultColumn[] = [
      { name: "image", type: "text" },
      { name: "index", type: "int32" },
      { name: "probability", type: "float64" },
      { name: "dims", type: "int32[]" },
      { name: "features", type: "float32[]" },
    ];
    const failed = Array.from({ length: 10_000 }, (_, i) => ({ image: `${i}.jpg` }));
    const answer = { image: "good.jpg", index: 7, probability: 0.1, dims: [2], features: [1, 2] };
    const path = await written(
      "parquet",
      [...failed, { ...answer, features: Float32Array.from(answer.features) }],
      columns,
    );
    const file = await asyncBufferFromFile(path);
    const { schema, row_groups } = await parquetMetadataAsync(file);
    expect(row_groups).toHaveLength(2);
    expect(schema.find(({ name }) => name === "index")?.type).toBe("INT32");
    const read = await parquetReadObjects({ file });
    expect(read.at(-1)).toEqual(answer);
    expect(read[0]!["index"] ?? null).toBeNull();
    await expect(written("parquet", [{ image: "a", index: 0.5 }], columns)).rejects.toMatchObject({
      code: "data/columns",
    });
  });

  it("writes numbers that read back as the same floats, whatever their size", async () => {
    const bits = Uint32Array.from({ length: 20_000 }, (_, i) => Math.imul(i + 1, 0x9e3779b9));
    const floats = new Float32Array(bits.buffer).filter(Number.isFinite);
    const { value } = JSON.parse(await readFile(await written("jsonl", [{ value: floats }]), "utf8")) as {
      value: number[];
    };
    expect(Float32Array.from(value)).toEqual(floats.map((float) => (float === 0 ? 0 : float)));
  });

  it("leaves nothing behind when it fails or is given up", async () => {
    const before = await readdir(root);
    const writer = await openResultWriter({ format: "jsonl", path: join(root, "aborted.jsonl") });
    await writer.write({ a: 1 });
    await writer.abort();
    expect(await readdir(root)).toEqual(before);
    await expect(
      openResultWriter({ format: "csv", path: join(root, "no/such/folder.csv") }),
    ).rejects.toMatchObject({
      code: "data/not-found",
    });
  });

  it("waits for a slow reader", async () => {
    let held = 0;
    let most = 0;
    let received = 0;
    const slow = new Writable({
      highWaterMark: 16 * 1024,
      write(chunk: Buffer, _encoding, done) {
        received += chunk.toString().split("\n").length - 1;
        setImmediate(done);
      },
    });
    const writer = await openResultWriter({ format: "jsonl", stream: slow });
    for (let i = 0; i < 20_000; i++) {
      await writer.write({ image: `${i}.jpg`, label: "x".repeat(50) });
      held = slow.writableLength;
      most = Math.max(most, held);
    }
    await writer.close();
    expect(received).toBe(20_000);
    expect(most).toBeLessThan(17 * 1024);
  });

  it("ends quietly when the reader goes away", async () => {
    const head = spawn("head", ["-n", "1"], { stdio: ["pipe", "pipe", "inherit"] });
    const writer = await openResultWriter({ format: "jsonl", stream: head.stdin });
    let count = 0;
    for (; count < 1_000_000 && !writer.readerGone; count++)
      await writer.write({ count, text: "x".repeat(100) });
    await writer.close();
    expect(writer.readerGone).toBe(true);
    expect(count).toBeLessThan(1_000_000);
  });
});
