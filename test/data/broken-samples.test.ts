import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { parquetWriteBuffer, type SchemaElement } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import { leftOutText, type ImageItem } from "../../src/data/index.ts";
import { createModel, openImages } from "../../src/node/library.ts";
import { openTrainingLoader, trainModel } from "../../src/node/training.ts";
import { solidPng } from "../support/solid-images.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { collect } from "./collect.ts";
import { tarBytes, type Member } from "./tar-fixture.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);
const put = (name: string, bytes: Uint8Array | string): string => {
  writeFileSync(at(name), bytes);
  return at(name);
};
/** What stands in an archive, with labels and without. */
async function inTar(name: string, members: readonly Member[]): Promise<readonly ImageItem[]> {
  const bytes = await tarBytes(members);
  const items = await collect(await openImages([put(name, bytes)]));
  const streamed = await collect(await openImages([put(`${name}.gz`, gzipSync(bytes))]));
  expect(streamed.map(({ label }) => label)).toEqual(items.map(({ label }) => label));
  const unread = await collect(await openImages([at(name)], { readLabels: false }));
  expect(unread.map(({ id }) => id)).toEqual(items.map(({ id }) => id));
  expect(unread.every(({ labelProblem }) => labelProblem === undefined)).toBe(true);
  return items;
}
const names = (items: readonly ImageItem[]): readonly string[] =>
  items.map(({ id }) => id.slice(id.indexOf(".tar/") + 5));

describe("a sample of an archive", () => {
  it("is told apart from its neighbours when its name has dots", async () => {
    const members = Array.from({ length: 40 }, (_, i) => i).flatMap((i) => [
      { name: `shot.v${i}.jpg`, body: "picture" },
      { name: `shot.v${i}.cls`, body: `${i % 7}` },
    ]);
    const items = await inTar("dotted.tar", members);
    expect(items.map(({ label }) => label)).toEqual(Array.from({ length: 40 }, (_, i) => `${i % 7}`));
  });

  it("gives its label to all of its pictures, and to no mask", async () => {
    const frames = Array.from({ length: 100 }, (_, i) => ({
      name: `film.${String(i).padStart(3, "0")}.jpg`,
      body: "frame",
    }));
    const items = await inTar("several.tar", [
      ...frames,
      { name: "film.cls", body: "3" },
      { name: "a.jpg", body: "A" },
      { name: "a.left.jpg", body: "A" },
      { name: "a.seg.png", body: "mask" },
      { name: "a.json", body: '{"label": "dog"}' },
      { name: "b.mask.png", body: "before its picture" },
      { name: "b.png", body: "B" },
      { name: "b_mask_1.png", body: "mask" },
      { name: "carnival_mask.jpg", body: "a picture of a mask" },
    ]);
    expect(names(items)).toEqual([
      ...frames.map(({ name }) => name),
      "a.jpg",
      "a.left.jpg",
      "b.png",
      "carnival_mask.jpg",
    ]);
    expect(items.map(({ label }) => label)).toEqual([
      ...frames.map(() => "3"),
      "dog",
      "dog",
      undefined,
      undefined,
    ]);
    const { leftOut } = await openImages([at("several.tar")]);
    expect(leftOut?.map(({ ending, files }) => [ending, files])).toEqual([
      [".seg.png", 1],
      [".mask.png", 1],
      ["_mask.png", 1],
    ]);
  });

  it("has its label when NaN, a byte order mark or UTF-16 is in the field, and says what else is wrong", async () => {
    const items = await inTar("sidecars.tar", [
      { name: "a.jpg", body: "A" },
      { name: "a.json", body: '{"score": NaN, "text": "NaN", "range": [-Infinity], "label": 4}' },
      { name: "b.jpg", body: "B" },
      { name: "b.json", body: '\uFEFF{"label": "hot dog"}' },
      { name: "c.jpg", body: "C" },
      { name: "c.cls", body: Buffer.from("\uFEFF5", "utf16le") },
      { name: "d.jpg", body: "D" },
      { name: "d.json", body: '{"label": ' },
      { name: "e.jpg", body: "E" },
      { name: "e.cls", body: "\n" },
      { name: "f.jpg", body: "F" },
      { name: "f.json", body: '{"label": [1, 2]}' },
      { name: "g.jpg", body: "G" },
      { name: "g.json", body: '{"label": NaN}' },
      { name: "h.cls", body: "x".repeat(5000) },
      { name: "h.jpg", body: "H" },
    ]);
    expect(items.map(({ label, labelProblem }) => label ?? labelProblem?.slice(0, 22))).toEqual([
      "4",
      "hot dog",
      "5",
      "d.json: expected JSON,",
      "e.cls: expected a clas",
      "f.json: expected a num",
      undefined,
      `${at("sidecars.tar")}: h.cls has 5000 bytes, at most 4096 are read of such an entry.`.slice(0, 22),
    ]);
  });
});

/** A table as pandas writes one whose labels were integers until there was a gap. */
const parquet = (name: string, images: readonly unknown[], labels: readonly (number | null)[]): string => {
  const schema: SchemaElement[] = [
    { name: "root", num_children: 2 },
    { name: "image", repetition_type: "OPTIONAL", num_children: 2 },
    { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
    { name: "path", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
    { name: "label", type: "DOUBLE", repetition_type: "OPTIONAL" },
  ];
  const columnData = [
    { name: "image", data: [...images] },
    { name: "label", data: [...labels] },
  ];
  return put(name, new Uint8Array(parquetWriteBuffer({ schema, columnData })));
};

describe("a row of a table", () => {
  it("may hold no image, no bytes, no label, and the path of another row", async () => {
    const bytes = new Uint8Array([1, 2, 3]);
    const images = [
      { bytes, path: "same.jpg" },
      { bytes, path: "same.jpg" },
      null,
      { bytes: null, path: "absent.jpg" },
      { bytes, path: "same.jpg" },
      { bytes, path: null },
      { bytes, path: null },
    ];
    const path = parquet("gaps.parquet", images, [0, 1, 1, 0, NaN, 0.5, null]);
    const source = await openImages([path]);
    expect(source.classes).toEqual(["0", "1"]);
    const items = await collect(source);
    expect(items.map(({ id }) => id.slice(path.length + 1))).toEqual([
      "same.jpg",
      "1/same.jpg",
      "2",
      "absent.jpg",
      "4/same.jpg",
      "5",
      "6",
    ]);
    expect(items.slice(0, 4).map(({ label }) => label)).toEqual(["0", "1", "1", "0"]);
    expect(items.slice(4).map(({ labelProblem }) => labelProblem)).toEqual([
      "row 4: expected a class name or index in column label, there is none.",
      "row 5: expected a class name or index in column label, there is 0.5.",
      "row 6: expected a class name or index in column label, there is none.",
    ]);
    expect(
      items.map(({ content }) => ("missing" in content ? content.missing.slice(0, 6) : "bytes")),
    ).toEqual(["bytes", "bytes", "row 2:", "row 3:", "bytes", "bytes", "bytes"]);
    const unread = await collect(await openImages([path], { readLabels: false }));
    expect(unread.every((item) => !("label" in item) && !("labelProblem" in item))).toBe(true);
  });
});

describe("a folder", () => {
  it("leaves out the masks beside its pictures, and names them", async () => {
    const files = ["a (1).png", "a (1)_mask.png", "a (1)_mask_1.png", "b.jpg", "b.seg.png", "gas-mask.jpg"];
    mkdirSync(at("masked"));
    for (const name of files) put(join("masked", name), "picture");
    const opened = await openImages([at("masked")]);
    const found = await collect(opened);
    expect(found.map(({ id }) => basename(id))).toEqual(["a (1).png", "b.jpg", "gas-mask.jpg"]);
    expect(leftOutText(opened.leftOut!)).toEqual([
      expect.stringMatching(/^2 _mask\.png \(the first is .*a \(1\)_mask(_1)?\.png\): the mask, depth map /),
      expect.stringMatching(/^1 \.seg\.png \(.*b\.seg\.png\): the mask, depth map /),
    ]);
  });
});

describe("what is done with samples of which one is broken", () => {
  const images = async (): Promise<string> => {
    const [red, blue] = await Promise.all([solidPng([255, 0, 0]), solidPng([0, 0, 255])]);
    const shown = Array.from({ length: 12 }, (_, i) => ({
      bytes: i % 2 === 0 ? red : blue,
      path: "picture.png",
    }));
    const labels = [...shown.map((_, i) => i % 2), 0, NaN];
    return parquet("pictures.parquet", [...shown, null, shown[0]!], labels);
  };

  it("trains on the rest, and names it", async () => {
    const path = await images();
    const preprocessing = { inputSize: 32, mean: [0, 0, 0], std: [1, 1, 1] } as const;
    const source = await openImages([path]);
    const options = { batchSize: 4, seed: 1, preprocessing, workers: 1 };
    const loader = await openTrainingLoader(source, options);
    const left = [loader.images, loader.leftOut.map(({ id, error }) => [id.slice(path.length), error.code])];
    await loader.close();
    expect(left).toEqual([
      12,
      [
        ["/12", "image/missing"],
        ["/13/picture.png", "data/no-label"],
      ],
    ]);
    await expect(openTrainingLoader(source, { ...options, onBrokenImage: "fail" })).rejects.toMatchObject({
      code: "data/broken-image",
    });
    for (const mode of ["full", "head"] as const) {
      rmSync(at("run"), { recursive: true, force: true });
      const events = await collect(
        trainModel({
          data: path,
          out: at("run"),
          model: "resnet20_cifar10",
          scratch: true,
          embeddingCache: false,
          recipe: { mode, ...(mode === "full" ? { epochs: 1, batchSize: 4, validationShare: 0.3 } : {}) },
        }),
      );
      const skipped = events.flatMap((event) => (event.type === "skipped" ? [event.error.code] : []));
      expect([mode, ...skipped]).toEqual([
        mode,
        ...(mode === "head" ? ["image/missing", "data/no-label"] : skipped),
      ]);
      expect(events.at(-1)?.type).toBe("finished");
    }
  });

  it("measures and classifies the rest", async () => {
    const path = await images();
    const model = await createModel(at("run", "best.safetensors"));
    try {
      const report = await model.validate(await openImages([path]));
      expect([report.count, report.failed]).toEqual([12, 2]);
      expect(report.failures.map(({ error }) => error.code).sort()).toEqual([
        "data/no-label",
        "image/missing",
      ]);
      const answers = await collect(model.classifyAll(await openImages([path], { readLabels: false })));
      expect(answers.map((answer) => "error" in answer)).toEqual([...Array(12).fill(false), true, false]);
    } finally {
      await model.release();
    }
    mkdirSync(at("unlabelled"));
    writeFileSync(at("unlabelled", "a.png"), await solidPng([255, 0, 0]));
    const loading = openTrainingLoader(await openImages([at("unlabelled")]), {
      batchSize: 1,
      seed: 1,
      preprocessing: { inputSize: 32, mean: [0, 0, 0], std: [1, 1, 1] },
    });
    await expect(loading).rejects.toMatchObject({ code: "data/unlabelled" });
  });
});
