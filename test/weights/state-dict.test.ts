import { describe, expect, it } from "vitest";
import { tensor, WeightsError, type StateDict } from "../../src/core/index.ts";
import { averageStateDicts, fitStateDict, toFloat32 } from "../../src/weights/index.ts";

const floats = (...values: readonly number[]): ReturnType<typeof tensor<"float32">> =>
  tensor("float32", [values.length], Float32Array.from(values));
const counter = (value: number): ReturnType<typeof tensor<"int64">> =>
  tensor("int64", [], BigInt64Array.of(BigInt(value)));

describe("toFloat32", () => {
  const halves: readonly (readonly [number, number])[] = [
    [0x0000, 0],
    [0x8000, -0],
    [0x3c00, 1],
    [0xc100, -2.5],
    [0x0001, 2 ** -24],
    [0x83ff, -1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x7bff, 65504],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
    [0x7e01, NaN],
  ];
  it.each(halves)("float16 0x%s is %s", async (bits, value) => {
    const { data } = await toFloat32(tensor("float16", [1], Uint16Array.of(bits))).load();
    expect(data[0]).toBe(value);
  });

  const brains: readonly (readonly [number, number])[] = [
    [0x3f80, 1],
    [0x8000, -0],
    [0x0001, 2 ** -133],
    [0xff80, -Infinity],
    [0x7fc0, NaN],
    [0xc2f7, -123.5],
  ];
  it.each(brains)("bfloat16 0x%s is %s", async (bits, value) => {
    const { data } = await toFloat32(tensor("bfloat16", [1], Uint16Array.of(bits))).load();
    expect(data[0]).toBe(value);
  });

  it("rounds float64 and converts integers", async () => {
    expect((await toFloat32(tensor("float64", [2], Float64Array.of(0.1, 1e300))).load()).data).toEqual(
      Float32Array.of(Math.fround(0.1), Infinity),
    );
    expect((await toFloat32(counter(-7)).load()).data).toEqual(Float32Array.of(-7));
  });
});

describe("fitStateDict", () => {
  const expected = new Map<string, readonly number[]>([
    ["b", [2]],
    ["a", [3]],
    ["bn.num_batches_tracked", []],
  ]);

  it("orders as expected and converts to float32", async () => {
    const half = tensor("float16", [3], Uint16Array.of(0x3c00, 0x4000, 0));
    const fitted = fitStateDict(
      expected,
      new Map<string, typeof half | ReturnType<typeof floats>>([
        ["a", half],
        ["b", floats(1, 2)],
      ]),
    );
    expect([...fitted.keys()]).toEqual(["b", "a"]);
    expect(await fitted.get("a")!.load()).toMatchObject({ dtype: "float32", data: Float32Array.of(1, 2, 0) });
  });

  it("takes num_batches_tracked or leaves it, on either side", () => {
    const found: StateDict = new Map<string, ReturnType<typeof floats> | ReturnType<typeof counter>>([
      ["a", floats(1, 2, 3)],
      ["b", floats(1, 2)],
      ["bn.num_batches_tracked", counter(4)],
      ["other.num_batches_tracked", counter(4)],
    ]);
    const fitted = fitStateDict(expected, found);
    expect([...fitted].map(([key, { dtype }]) => [key, dtype])).toEqual([
      ["b", "float32"],
      ["a", "float32"],
      ["bn.num_batches_tracked", "int64"],
    ]);
  });

  it("lists every missing, unexpected and mis-shaped name in one error", () => {
    const found = new Map([
      ["a", floats(1)],
      ["fc.weight", floats(1)],
      ["fc.bias", floats(1)],
    ]);
    expect(() => fitStateDict(expected, found, { name: "my.pth" })).toThrow(
      new WeightsError(
        "weights/mismatch",
        "my.pth: do not fit the model (3 tensors expected, 3 found).\n" +
          "  1 missing: b\n" +
          "  2 unexpected: fc.weight, fc.bias\n" +
          "  1 of another shape: a (expected [3], found [1])\n" +
          "Check the model's name, its number of classes and its input channels.",
      ),
    );
  });

  it("cuts long lists", () => {
    const many = new Map(Array.from({ length: 300 }, (_, i) => [`layer.${i}`, [1]] as const));
    expect(() => fitStateDict(many, new Map())).toThrow(/300 missing: layer\.0, .*layer\.11, and 288 more/);
  });

  it("leaves out what does not match when not strict, but never a wrong shape", () => {
    const found = new Map([
      ["a", floats(1, 2, 3)],
      ["extra", floats(1)],
    ]);
    expect([...fitStateDict(expected, found, { strict: false }).keys()]).toEqual(["a"]);
    expect(() => fitStateDict(expected, new Map([["a", floats(1)]]), { strict: false })).toThrow(
      /another shape/,
    );
  });
});

describe("averageStateDicts", () => {
  const checkpoint = (weight: readonly number[], count: number): StateDict =>
    new Map<string, ReturnType<typeof floats> | ReturnType<typeof counter>>([
      ["weight", floats(...weight)],
      ["num_batches_tracked", counter(count)],
    ]);

  it("averages floats and takes integers from the last", async () => {
    const average = averageStateDicts([
      checkpoint([1, 2], 10),
      checkpoint([2, 4], 20),
      checkpoint([6, 0], 30),
    ]);
    expect(await average.get("weight")!.load()).toEqual({
      dtype: "float32",
      dims: [2],
      data: Float32Array.of(3, 2),
    });
    expect((await average.get("num_batches_tracked")!.load()).data).toEqual(BigInt64Array.of(30n));
  });

  it("adds in float64", async () => {
    // In float32, 2^24 + 1 is 2^24: the sum would lose both ones.
    const average = averageStateDicts([checkpoint([2 ** 24], 0), checkpoint([1], 0), checkpoint([1], 0)]);
    expect((await average.get("weight")!.load()).data[0]).toBe(Math.fround((2 ** 24 + 2) / 3));
  });

  it("takes checkpoints with and without counters", () => {
    const without = new Map([["weight", floats(1)]]);
    expect([...averageStateDicts([without, checkpoint([1], 7)]).keys()]).toEqual([
      "weight",
      "num_batches_tracked",
    ]);
    expect([...averageStateDicts([checkpoint([1], 7), without]).keys()]).toEqual(["weight"]);
  });

  it("refuses checkpoints of different models, and none at all", () => {
    expect(() => averageStateDicts([checkpoint([1], 0), checkpoint([1, 2], 0)])).toThrow(
      /checkpoint 1 differs.*weight \(float \[1\] here, float \[2\] in the last\)/,
    );
    expect(() => averageStateDicts([new Map(), checkpoint([1], 0)])).toThrow(/1 tensor: weight/);
    expect(() => averageStateDicts([])).toThrow(
      expect.objectContaining({ code: "weights/nothing-to-average" }),
    );
  });
});
