import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesSource, dtypes, tensor, viewAs, elementCount, bytesPerElement } from "../../src/core/index.ts";
import type { Tensor } from "../../src/core/index.ts";
import { encodeSafetensors, openCheckpoint } from "../../src/weights/index.ts";
import { collect } from "../support/counting-source.ts";
import { concatenate } from "../support/pth-writer.ts";

const anyTensor: fc.Arbitrary<Tensor & ReturnType<typeof tensor>> = fc
  .record({
    dtype: fc.constantFrom(...dtypes),
    dims: fc.array(fc.nat(4), { maxLength: 4 }),
    seed: fc.nat(255),
  })
  .map(({ dtype, dims, seed }) => {
    const bytes = new Uint8Array(elementCount(dims) * bytesPerElement(dtype)).map(
      (_, i) => (seed + 37 * i) & 0xff,
    );
    return tensor(dtype, dims, viewAs(dtype, bytes));
  });

const bytesOf = ({ data }: Tensor): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

const names = fc.string({ unit: "grapheme", maxLength: 12 }).filter((name) => name !== "__metadata__");

describe("encodeSafetensors", () => {
  it("gives back what was written, bit by bit", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(names, anyTensor), { maxLength: 8 }),
        fc.dictionary(names, fc.string({ unit: "grapheme" })),
        async (list, metadata) => {
          const tensors = new Map(list);
          const { size, chunks } = encodeSafetensors(tensors, metadata);
          const bytes = await collect(chunks);
          expect(bytes.byteLength).toBe(size);
          const read = await openCheckpoint(bytesSource("round-trip.safetensors", bytes));
          expect(new Map(Object.entries(read.metadata))).toEqual(new Map(Object.entries(metadata)));
          expect(new Set(read.tensors.keys())).toEqual(new Set(tensors.keys()));
          for (const [name, written] of tensors) {
            const loaded = await read.tensors.get(name)!.load();
            expect({ dtype: loaded.dtype, dims: loaded.dims }).toEqual({
              dtype: written.dtype,
              dims: written.dims,
            });
            expect(bytesOf(loaded).equals(bytesOf(written))).toBe(true);
          }
        },
      ),
      { numRuns: 200, seed: 11 },
    );
  });

  const mixed = new Map<string, ReturnType<typeof tensor>>([
    ["b", tensor("uint8", [3], Uint8Array.of(1, 2, 3))],
    ["a", tensor("float32", [2], Float32Array.of(1, -1))],
    ["counter", tensor("int64", [], BigInt64Array.of(5n))],
  ]);

  it("writes exactly these bytes", async () => {
    const bytes = await collect(encodeSafetensors(mixed, { z: "1", arch: "resnet" }).chunks);
    const header =
      '{"__metadata__":{"arch":"resnet","z":"1"},"b":{"dtype":"U8","shape":[3],"data_offsets":[16,19]},' +
      '"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},"counter":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}';
    const length = Math.ceil(header.length / 8) * 8;
    expect(new DataView(bytes.buffer).getBigUint64(0, true)).toBe(BigInt(length));
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + length))).toBe(header.padEnd(length));
    expect([...bytes.subarray(8 + length)]).toEqual([
      5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128, 63, 0, 0, 128, 191, 1, 2, 3,
    ]);
  });

  it("keeps the order of names", async () => {
    const bytes = await collect(encodeSafetensors(mixed).chunks);
    const { tensors } = await openCheckpoint(bytesSource("order", bytes));
    expect([...tensors.keys()]).toEqual(["b", "a", "counter"]);
  });

  it("refuses a tensor whose elements do not fill its shape", async () => {
    const lying = { ...mixed.get("a")!, dims: [3] };
    await expect(collect(encodeSafetensors(new Map([["a", lying]])).chunks)).rejects.toMatchObject({
      code: "weights/invalid-tensor",
    });
  });

  it("refuses the reserved name", () => {
    expect(() => encodeSafetensors(new Map([["__metadata__", mixed.get("a")!]]))).toThrow(
      expect.objectContaining({ code: "weights/invalid-name" }),
    );
  });
});

describe("refused safetensors", () => {
  const made = (header: string, dataBytes: number, declared = header.length): Uint8Array<ArrayBuffer> => {
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(declared), true);
    return concatenate([length, new TextEncoder().encode(header), new Uint8Array(dataBytes)]);
  };
  const entry = (begin: number, end: number, shape = `[${(end - begin) / 4}]`, dtype = "F32"): string =>
    `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;

  const invalid: readonly (readonly [string, Uint8Array<ArrayBuffer>])[] = [
    ["overlapping tensors", made(`{"a":${entry(0, 8)},"b":${entry(4, 12)}}`, 12)],
    ["the same bytes twice", made(`{"a":${entry(0, 8)},"b":${entry(0, 8)}}`, 8)],
    ["a gap", made(`{"a":${entry(0, 4)},"b":${entry(8, 12)}}`, 12)],
    ["a gap at the start", made(`{"a":${entry(4, 8)}}`, 8)],
    ["bytes left over", made(`{"a":${entry(0, 4)}}`, 8)],
    ["a tensor past the end", made(`{"a":${entry(0, 8)}}`, 4)],
    ["offsets in reverse", made(`{"a":${entry(8, 0, "[2]")}}`, 8)],
    ["a shape that does not fill its bytes", made(`{"a":${entry(0, 8, "[3]")}}`, 8)],
    ["a shape beyond 2^53", made(`{"a":${entry(0, 8, "[9007199254740993]")}}`, 8)],
    ["a negative dimension", made(`{"a":${entry(0, 8, "[-2]")}}`, 8)],
    ["a fraction", made(`{"a":${entry(0, 8, "[2.5]")}}`, 8)],
    ["an unknown field", made(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}`, 4)],
    ["a list for a header", made(`{"a":[]}`, 0)],
    ["a name that stands twice", made(`{"a":${entry(0, 4)},"a":${entry(4, 8)}}`, 8)],
    ["metadata that is no string", made(`{"__metadata__":{"a":1}}`, 0)],
    ["no JSON", made(`{"a":`, 0)],
    ["nested brackets", made(`{"a":${"[".repeat(200_000)}`, 0)],
    ["a header of 2^60 bytes", made("{}", 0, 2 ** 60)],
  ];
  it.each(invalid)("%s", async (_, bytes) => {
    await expect(openCheckpoint(bytesSource("bad.safetensors", bytes))).rejects.toMatchObject({
      code: "weights/invalid-safetensors",
    });
  });

  it("a header longer than the file", async () => {
    const bytes = made("{}", 0, 1000);
    await expect(openCheckpoint(bytesSource("bad.safetensors", bytes))).rejects.toMatchObject({
      code: "weights/truncated",
    });
  });

  it("a dtype that is not read", async () => {
    const bytes = made(`{"a":${entry(0, 4, "[4]", "F8_E4M3")}}`, 4);
    await expect(openCheckpoint(bytesSource("bad.safetensors", bytes))).rejects.toMatchObject({
      code: "weights/unsupported-tensor",
      message: expect.stringContaining("F8_E4M3") as string,
    });
  });
});
