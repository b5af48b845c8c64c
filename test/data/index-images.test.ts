import { describe, expect, it } from "vitest";
import {
  holdOut,
  indexedImage,
  indexImages,
  trainingLabels,
  type ImageItem,
  type ImageSource,
  type IndexedImages,
} from "../../src/data/index.ts";
import { collect } from "./collect.ts";

const sourceOf = (items: readonly ImageItem[], classes?: readonly string[]): ImageSource => ({
  classes,
  size: items.length,
  async *[Symbol.asyncIterator]() {
    yield* items;
  },
});

const refuse = (): Promise<never> => Promise.reject(new Error("No bytes are expected here."));

const indexed = (items: readonly ImageItem[]): Promise<IndexedImages> => indexImages(sourceOf(items), refuse);

const labelled = (...labels: readonly (string | undefined)[]): ImageItem[] =>
  labels.map((label, i) => ({ id: `${i}.png`, content: { path: `${i}.png` }, ...(label && { label }) }));

describe("the index of a data set", () => {
  const items: readonly ImageItem[] = [
    { id: "data/cat/ein Kätzchen 🐱.jpg", label: "cat", content: { path: "data/cat/ein Kätzchen 🐱.jpg" } },
    { id: "loose.png", content: { path: "loose.png" } },
    { id: "a.tar/dog/1.jpg", label: "dog", content: { path: "a.tar", offset: 512, length: 7 } },
    { id: "a.tar/dog/2.jpg", label: "dog", content: { path: "a.tar", offset: 2 ** 40, length: 0 } },
    { id: "named", label: "cat", content: { path: "elsewhere/file.jpg" } },
  ];

  it("gives back what the source listed", async () => {
    const { index, labelNames, labels } = await indexed(items);
    expect(index.size).toBe(items.length);
    items.forEach(({ id, content }, i) => expect(indexedImage(index, i)).toEqual({ id, content }));
    expect([...labels].map((label) => labelNames[label])).toEqual(items.map(({ label }) => label));
  });

  it("hands bytes that came in memory to whoever keeps them", async () => {
    const kept: Uint8Array[] = [];
    const source = sourceOf([{ id: "table.parquet/7", content: { bytes: new Uint8Array([1, 2, 3]) } }]);
    const { index } = await indexImages(source, (bytes) => {
      kept.push(bytes);
      return Promise.resolve({ path: "kept", offset: 40, length: bytes.length });
    });
    expect(kept).toEqual([new Uint8Array([1, 2, 3])]);
    expect(indexedImage(index, 0)).toEqual({
      id: "table.parquet/7",
      content: { path: "kept", offset: 40, length: 3 },
    });
  });

  it("takes about 70 bytes an image", async () => {
    const count = 100_000;
    const source: ImageSource = {
      classes: undefined,
      size: count,
      async *[Symbol.asyncIterator]() {
        for (let i = 0; i < count; i++) {
          const path = `/data/imagenet/train/n${1e7 + (i % 1000)}/n${1e7 + (i % 1000)}_${i}.JPEG`;
          yield { id: path, label: `n${i % 1000}`, content: { path } };
        }
      },
    };
    const { index, labels } = await indexImages(source, refuse);
    expect(index.strings).toHaveLength(1000);
    const bytes = [index.prefixes, index.text, index.ends, index.files, index.offsets, index.lengths, labels]
      .map(({ byteLength }) => byteLength)
      .reduce((a, b) => a + b);
    expect(bytes / count).toBeLessThan(70);
    expect(indexedImage(index, 99_999).id).toBe("/data/imagenet/train/n10000999/n10000999_99999.JPEG");
  });

  it("stops when it is told to", async () => {
    const reason = new Error("enough");
    await expect(indexImages(sourceOf(items), refuse, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

describe("the labels of a data set", () => {
  const known = (wanted?: readonly string[], found?: readonly string[]) => ({ wanted, found });

  it("are numbered in natural order", async () => {
    const { classes, labels } = trainingLabels(await indexed(labelled("c10", "c9", "a")), known());
    expect(classes).toEqual(["a", "c9", "c10"]);
    expect([...labels]).toEqual([2, 1, 0]);
  });

  it("may leave classes out where the caller says so", async () => {
    const found = ["a", "b", "c"];
    const { classes, labels } = trainingLabels(await indexed(labelled("c", "a")), {
      ...known(undefined, found),
      mayBeEmpty: true,
    });
    expect(classes).toEqual(found);
    expect([...labels]).toEqual([2, 0]);
  });

  it("are numbered as the caller wants, whatever their case", async () => {
    const images = await indexed(labelled("dog", "Cat", "dog"));
    const { classes, labels } = trainingLabels(images, known(["dog", "cat"]));
    expect(classes).toEqual(["dog", "cat"]);
    expect([...labels]).toEqual([0, 1, 0]);
  });

  it.each([
    ["no images", [], known(), "data/no-images", "has none"],
    [
      "classes without images",
      ["a"],
      known(undefined, ["a", "b", "c"]),
      "data/empty-classes",
      "2 have none: b, c",
    ],
    ["wanted classes that are missing", ["a"], known(["a", "z"]), "data/empty-classes", "1 have none: z"],
    [
      "classes that are not wanted",
      ["a", "q", "r"],
      known(["a", "b"]),
      "data/class-mismatch",
      "2 of 3 do not: q, r",
    ],
  ] as const)("refuse %s", async (_, labels, classes, code, message) => {
    const images = await indexed(labelled(...labels));
    expect(() => trainingLabels(images, classes)).toThrow(
      expect.objectContaining({
        name: "DataError",
        code,
        message: expect.stringContaining(message) as string,
      }),
    );
  });
});

describe("holding out a part of a source", () => {
  it("gives two sources that together are the whole, each class in both", async () => {
    const items = labelled(...Array.from({ length: 30 }, (_, i) => (i % 3 === 0 ? "few" : "many")));
    const { kept, heldOut } = await holdOut(sourceOf(items, ["few", "many"]), 0.2, 7);
    const [train, validation] = [await collect(kept), await collect(heldOut)];
    expect([kept.size, heldOut.size, kept.classes]).toEqual([24, 6, ["few", "many"]]);
    expect(validation.filter(({ label }) => label === "few")).toHaveLength(2);
    expect([...train, ...validation].sort((a, b) => parseInt(a.id) - parseInt(b.id))).toEqual(items);
    expect(await collect(heldOut)).toEqual(validation);
  });
});
