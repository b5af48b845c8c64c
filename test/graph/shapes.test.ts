import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { elementCount, GraphError, tensor, type Tensor } from "../../src/core/index.ts";
import {
  add,
  buildGraph,
  conv,
  int64s,
  maxPool,
  reshape,
  slice,
  type Shape,
  type Value,
} from "../../src/graph/index.ts";
import { broadcastShapes } from "../../src/graph/ops/operands.ts";
import { inputsFor, runGraph, type Feeds, type ValuesOf } from "../support/run-graph.ts";

const ones = (dims: readonly number[]): Tensor<"float32"> =>
  tensor("float32", dims, new Float32Array(elementCount(dims)).fill(1));

const length = fc.integer({ min: 1, max: 4 });

/** Two shapes that fit: a common shape, of which each side drops leading axes and flattens some to 1. */
const fitting = fc
  .record({
    dims: fc.array(length, { maxLength: 4 }),
    seeds: fc.array(fc.boolean(), { minLength: 10, maxLength: 10 }),
  })
  .chain(({ dims, seeds }) =>
    fc.tuple(fc.nat(dims.length), fc.nat(dims.length)).map(([dropA, dropB]) => {
      const side = (drop: number, flags: readonly boolean[]): number[] =>
        dims.slice(drop).map((dim, axis) => (flags[axis] === true ? 1 : dim));
      return [side(dropA, seeds.slice(0, 5)), side(dropB, seeds.slice(5))] as const;
    }),
  );

/** What the builder infers and what ONNX Runtime returns; `undefined` where the builder refuses. */
async function shapes<F extends Feeds>(
  feeds: F,
  build: (values: ValuesOf<F>) => Value,
): Promise<{ readonly inferred: Shape; readonly found: readonly number[] } | undefined> {
  let value: Value;
  try {
    value = build(inputsFor(feeds));
  } catch (error) {
    if (error instanceof GraphError) return undefined;
    throw error;
  }
  const { result } = await runGraph(buildGraph({ result: value }), feeds);
  return { inferred: value.shape, found: result!.dims };
}

const runs = { numRuns: 60, seed: 4 };

describe("broadcastShapes", () => {
  it("agrees with ONNX Runtime where shapes fit", async () => {
    await fc.assert(
      fc.asyncProperty(fitting, async ([a, b]) => {
        const both = await shapes({ a: ones(a), b: ones(b) }, (values) => add(values.a, values.b));
        expect(both?.inferred).toEqual(both?.found);
        expect(broadcastShapes(b, a)).toEqual(both?.found);
      }),
      runs,
    );
  });

  it("is symmetric, keeps a shape against itself and against a scalar", () => {
    const shape = fc.array(fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constantFrom("N", "H")), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(shape, shape, (a, b) => {
        expect(broadcastShapes(a, a)).toEqual(a);
        expect(broadcastShapes(a, [])).toEqual(a);
        expect(broadcastShapes(a, b)?.length).toEqual(broadcastShapes(b, a)?.length);
      }),
      runs,
    );
  });

  it.each<[Shape, Shape, Shape | undefined]>([
    [[2, 3], [2, 4], undefined],
    [
      [0, 3],
      [1, 3],
      [0, 3],
    ],
    [[0, 3], [2, 3], undefined],
    [["N", 3], [3], ["N", 3]],
    [
      ["N", 3],
      [1, 3],
      ["N", 3],
    ],
    [
      ["N", 3],
      [8, 3],
      [8, 3],
    ],
    [["N"], ["N"], ["N"]],
  ])("%j with %j gives %j", (a, b, expected) => {
    expect(broadcastShapes(a, b)).toEqual(expected);
    expect(broadcastShapes(b, a)).toEqual(expected);
  });
});

describe("windows", () => {
  const pair = (max: number, min = 1): fc.Arbitrary<[number, number]> =>
    fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));
  const window = fc.record({
    size: pair(9),
    kernel: pair(4),
    strides: pair(3),
    dilations: pair(3),
    begin: pair(2, 0),
    end: pair(2, 0),
  });

  it("of convolutions agree with ONNX Runtime, or are refused where nothing fits", async () => {
    await fc.assert(
      fc.asyncProperty(window, async ({ size, kernel, strides, dilations, begin, end }) => {
        const feeds = { x: ones([1, 2, ...size]), w: ones([3, 2, ...kernel]) };
        const both = await shapes(feeds, ({ x, w }) =>
          conv(x, w, undefined, { strides, dilations, pads: [...begin, ...end] }),
        );
        const fits = size.every(
          (dim, axis) => dim + begin[axis]! + end[axis]! >= dilations[axis]! * (kernel[axis]! - 1) + 1,
        );
        expect(both !== undefined).toBe(fits);
        expect(both?.inferred).toEqual(both?.found);
      }),
      runs,
    );
  });

  it("of max-pools agree with ONNX Runtime", async () => {
    await fc.assert(
      fc.asyncProperty(window, async ({ size, kernel, strides, begin, end }) => {
        fc.pre(kernel.every((k, axis) => begin[axis]! < k && end[axis]! < k));
        const both = await shapes({ x: ones([2, 3, ...size]) }, ({ x }) =>
          maxPool(x, { kernel_shape: kernel, strides, pads: [...begin, ...end] }),
        );
        expect(both?.inferred).toEqual(both?.found);
      }),
      runs,
    );
  });

  it("keep the name of an axis whose length they keep", () => {
    const { x, w } = inputsFor({ x: ones([1, 2, 8, 8]), w: ones([3, 2, 3, 3]) });
    const named = { ...x, shape: ["N", 2, "H", "W"] };
    expect(conv(named, w, undefined, { pads: [1, 1, 1, 1] }).shape).toEqual(["N", 3, "H", "W"]);
    expect(conv(named, w, undefined, { strides: [2, 2] }).shape).toEqual([
      "N",
      3,
      "floor((H+-3)/2)+1",
      "floor((W+-3)/2)+1",
    ]);
  });
});

describe("Slice and Reshape", () => {
  it("slices agree with ONNX Runtime for any positions", async () => {
    const position = fc.integer({ min: -9, max: 9 });
    await fc.assert(
      fc.asyncProperty(position, position, fc.integer({ min: -2, max: 1 }), async (start, end, axis) => {
        const both = await shapes({ x: ones([5, 4]) }, ({ x }) =>
          slice(x, int64s([start]), int64s([end]), [axis]),
        );
        expect(both?.inferred).toEqual(both?.found);
      }),
      runs,
    );
  });

  it("reshapes keep the number of elements, with one length left open", () => {
    const dims = fc.array(length, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(dims, fc.nat(3), (shape, open) => {
        const { x } = inputsFor({ x: ones([elementCount(shape)]) });
        const target = shape.map((dim, axis) => (axis === open ? -1 : dim));
        expect(reshape(x, target).shape).toEqual(shape);
      }),
      runs,
    );
  });

  it("says what a batch becomes", () => {
    const { x } = inputsFor({ x: ones([2, 6, 4]) }, ["x"]);
    expect(reshape(x, [0, 24]).shape).toEqual(["N", 24]);
    expect(reshape(x, [-1, 24]).shape).toEqual(["N", 24]);
    expect(reshape(x, [-1, 4]).shape).toEqual(["N*6", 4]);
    expect(reshape(x, [-1, 5]).shape).toEqual(["N*24/5", 5]);
    expect(reshape(x, [0, 6, -1]).shape).toEqual(["N", 6, 4]);
  });
});
