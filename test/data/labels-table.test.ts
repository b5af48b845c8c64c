import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import type { OpenImagesOptions } from "../../src/data/index.ts";
import { openImages } from "../../src/node/library.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { collect } from "./collect.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
const paths = [
  "photos/a/1.jpg",
  "photos/b/1.jpg",
  "photos/b/ILSVRC2012_val_00000002.JPEG",
  "photos/käse 3.png",
];
for (const path of paths) {
  mkdirSync(join(at(path), ".."), { recursive: true });
  writeFileSync(at(path), "");
}

async function labelled(table: string | Uint8Array, options: OpenImagesOptions = {}, name = "labels.csv") {
  writeFileSync(at(name), table);
  const source = await openImages([at("photos")], { labelsFile: at(name), ...options });
  const items = await collect(source);
  return {
    source,
    labels: items.map(({ label, labelProblem }) => label ?? labelProblem?.replace(at(name), "TABLE")),
  };
}
const all = ["cat", "dog", "7", "hot dog, big"];

describe("labels of a table", () => {
  it.each<[string, string | Uint8Array, OpenImagesOptions?]>([
    [
      "Kaggle's, without endings",
      'id,breed\na/1,cat\nb/1,dog\nILSVRC2012_val_00000002,7\nkäse 3,"hot dog, big"\n',
    ],
    [
      "names with endings, in any order",
      'label,filename\n"hot dog, big",käse 3.png\ncat,photos/a/1.jpg\ndog,./b/1.jpg\n7,ILSVRC2012_val_00000002.JPEG\n',
    ],
    [
      "folders that are elsewhere",
      'file_path,class_name\n/data/old/a/1.jpg,cat\nC:\\data\\b\\1.jpg,dog\n/x/ILSVRC2012_val_00000002.JPEG,7.0\n/x/käse 3.png,"hot dog, big"\n',
    ],
    [
      "semicolons, and a byte order mark",
      '\uFEFFimage_id;split;label\r\na/1;x;cat\r\nb/1;x;dog\r\nILSVRC2012_val_00000002;x;7\r\nkäse 3;x;"hot dog, big"\r\n',
    ],
    [
      "tabs, in UTF-16",
      Buffer.from(
        "\uFEFFimage\tlabel\na/1\tcat\nb/1\tdog\nILSVRC2012_val_00000002\t7\nkäse 3\thot dog, big\n",
        "utf16le",
      ),
    ],
    [
      "columns by name",
      'id,when,what\n5,a/1.jpg,cat\n6,b/1.jpg,dog\n7,ILSVRC2012_val_00000002.JPEG,7\n8,käse 3.png,"hot dog, big"\n',
      { imageColumn: "when", labelColumn: "what" },
    ],
    [
      "no names of columns",
      'a/1.jpg,cat\nb/1.jpg,dog\nILSVRC2012_val_00000002.JPEG,7\nkäse 3.png,"hot dog, big"\n',
    ],
  ])("may be %s", async (_name, table, options) => {
    const { source, labels } = await labelled(table, options);
    expect(labels).toEqual(all);
    expect([source.classes, source.size]).toEqual([["7", "cat", "dog", "hot dog, big"], 4]);
    expect(source.rowsWithoutImage).toEqual({ count: 0, examples: [] });
  });

  it("may be ImageNet's list, where names have spaces too", async () => {
    const list = "ILSVRC2012_val_00000001.JPEG 65\nILSVRC2012_val_00000002.JPEG 970\nkäse 3.png  230\n";
    const { source, labels } = await labelled(list, {}, "val.txt");
    const none = "TABLE: no row names this image.";
    expect(labels).toEqual([none, none, "970", "230"]);
    expect(source.rowsWithoutImage).toEqual({ count: 1, examples: ["ILSVRC2012_val_00000001.JPEG"] });
  });

  it("may be in Parquet, with gaps", async () => {
    const columnData = [
      { name: "filename", data: ["a/1.jpg", "b/1.jpg", "käse 3.png"] },
      { name: "label", data: [0, NaN, 2], type: "DOUBLE" as const },
    ];
    const { labels } = await labelled(
      new Uint8Array(parquetWriteBuffer({ columnData })),
      {},
      "labels.parquet",
    );
    const none = "TABLE: no row names this image.";
    expect(labels).toEqual(["0", "TABLE, row 2: there is no label.", none, "2"]);
  });

  it("say of a name that several images have that it is not enough", async () => {
    const { labels } = await labelled("image,label\n1,cat\nkäse 3,dog\n");
    const several = 'TABLE, row 2: "1" names 2 images. Write more of their paths.';
    expect(labels).toEqual([several, several, "TABLE: no row names this image.", "dog"]);
  });

  it("belong to the image that shares most of the path, whatever else is called so", async () => {
    for (const path of ["ship/1.jpg", "ship/2.jpg", "flat/1.jpg", "flat/2.jpg", "flat/deep/2.jpg"]) {
      mkdirSync(join(at("alike", path), ".."), { recursive: true });
      writeFileSync(at("alike", path), "");
    }
    const labelsBy = async (name: (path: string) => string, ...inputs: readonly string[]) => {
      writeFileSync(at("alike.csv"), `image,label\n${name("ship/1.jpg")},ship\n${name("ship/2.jpg")},boat\n`);
      const source = await openImages(inputs, { labelsFile: at("alike.csv") });
      return (await collect(source)).map(({ id, label, labelProblem }) => [
        id.replace(`${at("alike")}/`, ""),
        label ?? labelProblem?.replace(/^.*: /, ""),
      ]);
    };
    const none = "no row names this image.";
    const expected = [
      ["flat/1.jpg", none],
      ["flat/2.jpg", none],
      ["flat/deep/2.jpg", none],
      ["ship/1.jpg", "ship"],
      ["ship/2.jpg", "boat"],
    ];
    expect(await labelsBy((path) => path, at("alike"))).toEqual(expected);
    expect(await labelsBy((path) => at("alike", path), at("alike"))).toEqual(expected);
    expect(await labelsBy((path) => `/elsewhere/${path}`, at("alike"))).toEqual(expected);
    // What the table does not name keeps the labels of its folders.
    expect(await labelsBy((path) => path, at("alike", "flat"), at("alike", "ship"))).toEqual([
      ["flat/1.jpg", undefined],
      ["flat/2.jpg", undefined],
      ["flat/deep/2.jpg", "deep"],
      ["ship/1.jpg", "ship"],
      ["ship/2.jpg", "boat"],
    ]);
  });

  it("are for the inputs that the table names; others keep the labels of their folders", async () => {
    for (const path of [
      "own/cat/x.jpg",
      "own/dog/y.jpg",
      "next/1.jpg",
      "next/2.jpg",
      "next/cat/3.jpg",
      "next/old/4.jpg",
    ]) {
      mkdirSync(join(at("parts", path), ".."), { recursive: true });
      writeFileSync(at("parts", path), "");
    }
    mkdirSync(at("parts", "next", "none"));
    const table = at("parts", "table.csv");
    writeFileSync(table, "image,label\n1.jpg,none\n2.jpg,\n3.jpg,\n4.jpg,\n");
    const source = await openImages([at("parts", "own"), at("parts", "next")], { labelsFile: table });
    const found = (await collect(source)).map(
      ({ label, labelProblem }) => label ?? labelProblem?.replace(table, "TABLE"),
    );
    const unlabelled = (row: number): string => `TABLE, row ${row}: there is no label.`;
    // A folder counts where it is called like a label that is known.
    expect(found).toEqual(["cat", "dog", "none", unlabelled(3), "cat", unlabelled(5)]);
    expect([source.classes, source.size]).toEqual([["cat", "dog", "none"], 6]);
    expect(source.rowsWithoutImage).toEqual({ count: 0, examples: [] });
  });

  it.each<[string, string, OpenImagesOptions, string]>([
    [
      "of other images",
      "id,label\nx,cat\n",
      {},
      'none of its 1 rows names one of the images; the first is "x"',
    ],
    [
      "with two labels of an image",
      "id,label\na/1,cat\na/1,dog\n",
      {},
      '"a/1" is cat in row 2 and dog in row 3',
    ],
    [
      "without a column that is asked for",
      "id,label\na/1,cat\n",
      { labelColumn: "breed" },
      'expected a column "breed" of labels, the first row is id, label',
    ],
    ["whose columns are not known", "id,x,y1\na/1,cat,2\n", {}, "expected a column of labels"],
    ["with a quote that is not closed", 'id,label\n"a/1,cat\n', {}, "unterminated"],
    ["of one column", "a/1.jpg\nb/1.jpg\n", {}, "expected a column of"],
    ["with nothing in it", "", {}, "the first row is empty"],
  ])("are refused of a table %s", async (_name, table, options, message) => {
    await expect(labelled(table, options)).rejects.toMatchObject({
      code: "data/labels-table",
      message: expect.stringContaining(message) as string,
    });
  });
});
