import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parquetMetadata } from "hyparquet";
import { ByteWriter, ParquetWriter, type ColumnSource, type SchemaElement } from "hyparquet-writer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bytesSource, DataError } from "../../src/core/index.ts";
import { parquetImages } from "../../src/data/index.ts";
import { checkRowGroup } from "../../src/data/parquet-images.ts";
import { openImages } from "../../src/node/library.ts";
import { collect } from "./collect.ts";

interface Table {
  readonly schema: readonly SchemaElement[];
  readonly columnData: ColumnSource[];
  readonly huggingface?: unknown;
  readonly rowGroupSize?: number;
}

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "parquet-images-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function parquet(
  name: string,
  { schema, columnData, huggingface, rowGroupSize = 100 }: Table,
): Promise<string> {
  const writer = new ByteWriter();
  const file = new ParquetWriter({
    writer,
    schema: [...schema],
    kvMetadata: huggingface === undefined ? [] : [{ key: "huggingface", value: JSON.stringify(huggingface) }],
  });
  await file.write({ columnData, rowGroupSize });
  await file.finish();
  await writeFile(join(root, name), writer.getBytes());
  return join(root, name);
}

const imageStruct: readonly SchemaElement[] = [
  { name: "image", repetition_type: "OPTIONAL", num_children: 2 },
  { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
  { name: "path", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
];
const label: SchemaElement = { name: "label", type: "INT64", repetition_type: "OPTIONAL" };
const bytesOf = (i: number): Uint8Array => new Uint8Array(Buffer.from(`image ${i} `.repeat(50)));

function labelledTable(rows: number): Table {
  const indices = [...Array(rows).keys()];
  return {
    schema: [{ name: "root", num_children: 2 }, ...imageStruct, label],
    columnData: [
      {
        name: "image",
        data: indices.map((i) => ({ bytes: bytesOf(i), path: i % 2 === 0 ? `${i}.jpg` : null })),
      },
      { name: "label", data: indices.map((i) => BigInt((i % 3) - 1)) },
    ],
    huggingface: { info: { features: { label: { names: ["cat", "dog"], _type: "ClassLabel" } } } },
  };
}

describe("Parquet tables", () => {
  it("reads Hugging Face's image structs with the class names of the metadata, over row groups", async () => {
    const path = await parquet("hf.parquet", labelledTable(250));
    const source = await openImages([path]);
    expect([source.classes, source.size]).toEqual([["cat", "dog"], 250]);
    const items = await collect(source);
    expect(items).toHaveLength(250);
    // A label of -1 stands for none.
    expect(items.slice(0, 3).map((item) => [item.id, item.label])).toEqual([
      [`${path}/0.jpg`, undefined],
      [`${path}/1`, "cat"],
      [`${path}/2.jpg`, "dog"],
    ]);
    for (const [i, { content }] of items.entries()) expect(content).toEqual({ bytes: bytesOf(i) });
  });

  it("reads plain binary with text labels, whose classes it gathers", async () => {
    const path = await parquet("plain.parquet", {
      schema: [
        { name: "root", num_children: 3 },
        { name: "id", type: "INT32", repetition_type: "REQUIRED" },
        { name: "jpg", type: "BYTE_ARRAY", repetition_type: "REQUIRED" },
        { name: "cls", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" },
      ],
      columnData: [
        { name: "id", data: [5, 6] },
        { name: "jpg", data: [bytesOf(0), bytesOf(1)] },
        { name: "cls", data: ["b10", "b9"] },
      ],
    });
    const source = await openImages([path]);
    expect(source.classes).toEqual(["b9", "b10"]);
    expect(await collect(source)).toEqual([
      { id: `${path}/0`, label: "b10", content: { bytes: bytesOf(0) } },
      { id: `${path}/1`, label: "b9", content: { bytes: bytesOf(1) } },
    ]);
    expect((await openImages([path], { labelColumn: "id" })).classes).toEqual(["5", "6"]);
    expect((await openImages([path], { scan: false })).classes).toBeUndefined();
  });

  it("says what is missing", async () => {
    const hf = await parquet("columns.parquet", labelledTable(1));
    await expect(openImages([hf], { imageColumn: "picture" })).rejects.toMatchObject({
      code: "data/parquet-columns",
      message: expect.stringContaining(
        "the table has image {bytes, path}, label (INT64). Name the column to use with imageColumn (--image-column).",
      ) as string,
    });
    await expect(openImages([hf], { labelColumn: "image" })).rejects.toMatchObject({
      code: "data/parquet-columns",
      message: expect.stringContaining("labelColumn (--label-column)") as string,
    });
    const bytes = (name: string): SchemaElement => ({
      name,
      type: "BYTE_ARRAY",
      repetition_type: "OPTIONAL",
    });
    const unclear = (...names: readonly string[]): Promise<string> =>
      parquet(`${names.join("-")}.parquet`, {
        schema: [{ name: "root", num_children: 2 }, ...names.map(bytes)],
        columnData: names.map((name) => ({ name, data: [bytesOf(0)] })),
      });
    await expect(openImages([await unclear("left", "right")])).rejects.toMatchObject({
      message: expect.stringContaining(
        '(--image-column), or, for semi, call it "image" in the table.',
      ) as string,
    });
    expect((await openImages([await unclear("image", "right")])).size).toBe(1);
    await writeFile(join(root, "no.parquet"), "not a table");
    await expect(openImages([join(root, "no.parquet")])).rejects.toMatchObject({ code: "data/parquet" });
  });

  it("refuses a table that is cut off, and one whose rows are fewer than it claims", async () => {
    const original = await readFile(await parquet("cut.parquet", labelledTable(20)));
    for (let length = 0; length < original.byteLength; length += 97) {
      const cut = new Uint8Array(original.subarray(0, length));
      await expect(parquetImages(bytesSource("x.parquet", cut))).rejects.toBeInstanceOf(DataError);
    }
    const metadata = parquetMetadata(new Uint8Array(original).buffer);
    const group = metadata.row_groups[0]!;
    const claim = { ...group, num_rows: 10n ** 15n };
    expect(() => checkRowGroup("x.parquet", claim, group.columns)).toThrow(
      expect.objectContaining({ name: "DataError", code: "data/parquet" }) as Error,
    );
    expect(() => checkRowGroup("x.parquet", group, group.columns)).not.toThrow();
  });
});
