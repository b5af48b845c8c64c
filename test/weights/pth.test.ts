import { describe, expect, it } from "vitest";
import { bytesSource, tensor, type Tensor } from "../../src/core/index.ts";
import { openCheckpoint } from "../../src/weights/index.ts";
import { countingSource } from "../support/counting-source.ts";
import { pickle, type Writable } from "../support/pickle-writer.ts";
import {
  encodeLegacyPth,
  encodeStoredZip,
  encodeZipPth,
  tensorCall,
  type PthOptions,
} from "../support/pth-writer.ts";

const large = tensor(
  "float32",
  [500, 1000],
  Float32Array.from({ length: 500_000 }, (_, i) => i),
);
const tensors = new Map<string, Tensor>([
  ["conv1.weight", large],
  ["bn1.num_batches_tracked", tensor("int64", [], BigInt64Array.of(42n))],
  ["fc.bias", tensor("float64", [3], Float64Array.of(1, 2, 3))],
]);

const bytesOf = ({ data }: Tensor): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

const writers = {
  "pth-legacy": (values: ReadonlyMap<string, Tensor>, options?: PthOptions) =>
    Promise.resolve(encodeLegacyPth(values, options)),
  "pth-zip": encodeZipPth,
} as const;

describe.each(["pth-legacy", "pth-zip"] as const)("%s", (format) => {
  const encode = writers[format];
  const open = async (
    values: ReadonlyMap<string, Tensor>,
    options?: PthOptions,
  ): ReturnType<typeof openCheckpoint> =>
    openCheckpoint(bytesSource("made.pth", await encode(values, options)));

  it("gives the tensors in file order", async () => {
    const checkpoint = await open(tensors);
    expect(checkpoint.format).toBe(format);
    expect([...checkpoint.tensors.keys()]).toEqual([...tensors.keys()]);
    for (const [name, source] of checkpoint.tensors) {
      const written = tensors.get(name)!;
      const loaded = await source.load();
      expect({ dtype: loaded.dtype, dims: loaded.dims }).toEqual({
        dtype: written.dtype,
        dims: written.dims,
      });
      expect(bytesOf(loaded).equals(bytesOf(written))).toBe(true);
    }
  });

  it("reads the directory when opened and one tensor's bytes when loaded", async () => {
    const source = countingSource("made.pth", await encode(tensors));
    const checkpoint = await openCheckpoint(source);
    expect(source.count.largest).toBeLessThanOrEqual(2 ** 18);
    const before = source.count.bytes;
    await checkpoint.tensors.get("fc.bias")!.load();
    expect(source.count.bytes - before).toBe(24);
  });

  it("refuses big-endian files", async () => {
    await expect(open(tensors, { littleEndian: false })).rejects.toMatchObject({
      code: "weights/big-endian",
    });
  });

  it("refuses a file that was cut short, wherever the cut is", async () => {
    const bytes = await encode(tensors);
    for (const part of [0.0001, 0.01, 0.5, 0.999]) {
      const cut = bytesSource("cut.pth", bytes.slice(0, Math.ceil(bytes.length * part)));
      await expect(openCheckpoint(cut)).rejects.toThrow(expect.objectContaining({ name: "WeightsError" }));
    }
  });

  const windows: readonly (readonly [string, number, readonly number[], readonly number[]])[] = [
    ["past the end of its storage", 1, [3], [1]],
    ["with an offset past the end", 4, [], []],
    ["through its strides", 0, [2, 2], [2, 1]],
    ["with more dimensions than strides", 0, [1, 1], [1]],
    ["of 10^15 elements on one", 0, [1e8, 1e7], [0, 0]],
    ["of a size whose product is no exact number", 0, [2 ** 40, 2 ** 40], [0, 0]],
    [
      "without elements whose size is no number",
      0,
      [...Array.from({ length: 40 }, () => 2 ** 52), 0],
      Array.from({ length: 41 }, () => 0),
    ],
    ["with a negative size", 0, [-1], [1]],
    ["of 65 dimensions", 0, Array.from({ length: 65 }, () => 1), Array.from({ length: 65 }, () => 1)],
  ];
  it.each(windows)("refuses a tensor %s", async (_, offset, dims, strides) => {
    const wrap = (): Writable => ({
      dict: [["a", tensorCall("0", "float64", 3, { offset, dims, strides }, format === "pth-legacy")]],
    });
    const one = new Map([["a", tensors.get("fc.bias")!]]);
    await expect(open(one, { wrap })).rejects.toMatchObject({ code: "weights/invalid-tensor" });
  });

  it("refuses a storage of another size than the file has for it", async () => {
    const wrap = (): Writable => ({
      dict: [
        [
          "a",
          tensorCall(
            "0",
            "float64",
            2 ** 40,
            { offset: 0, dims: [1], strides: [1] },
            format === "pth-legacy",
          ),
        ],
      ],
    });
    const one = new Map([["a", tensors.get("fc.bias")!]]);
    await expect(open(one, { wrap })).rejects.toMatchObject({ code: "weights/invalid-tensor" });
  });

  it("refuses a pickle over 16 MiB", async () => {
    const bytes =
      format === "pth-legacy"
        ? hugeLegacy()
        : await encodeStoredZip([["a/data.pkl", new Uint8Array(2 ** 25)]]);
    await expect(openCheckpoint(bytesSource("huge.pth", bytes))).rejects.toMatchObject({
      code: "weights/pickle-too-large",
    });
  });
});

function hugeLegacy(): Uint8Array<ArrayBuffer> {
  const head = encodeLegacyPth(new Map(), { wrap: () => null });
  const object = pickle(null);
  // The object's pickle is followed by that of an empty list of keys.
  const start = head.length - pickle([]).length - object.length;
  const bytes = new Uint8Array(start + 2 ** 25);
  bytes.set(head.subarray(0, start));
  bytes.set([0x80, 2, 0x42, 0, 0, 0, 2], start);
  return bytes;
}

describe("other files", () => {
  const strangers: readonly (readonly [string, string, string])[] = [
    ["nothing", "", "empty"],
    ["a Git LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:00", "git lfs pull"],
    ["a web page", "<!DOCTYPE html><html>", "web page"],
    ["text", "hello, world", "68 65 6c 6c"],
    ["a pickle of something else", "\u0080\u0002N.", "not one that torch.save wrote"],
  ];
  it.each(strangers)("%s is refused by what it is", async (_, text, expected) => {
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    await expect(openCheckpoint(bytesSource("stranger", bytes))).rejects.toMatchObject({
      code: "weights/unknown-format",
      message: expect.stringContaining(expected) as string,
    });
  });
});
