import { beforeAll, describe, expect, it } from "vitest";
import { elementCount, type Tensor } from "../../src/core/index.ts";
import { buildGraph, ops, type Shape } from "../../src/graph/index.ts";
import { blockedDomain } from "../../src/graph/value.ts";
import { inputsFor, relativeError, runGraph } from "../support/run-graph.ts";
import { evaluateInTorch } from "../support/torch-tensors.ts";
import { hasTorch } from "../support/torch.ts";
import { opCases } from "./op-cases.ts";

const title = ({ op, name }: (typeof opCases)[number]): string => `${op}: ${name}`;

describe("table of ops", () => {
  it("has a case for every op", () => {
    const covered = new Set<string>(opCases.map(({ op }) => op));
    // Blocked ops are right on some processors only: passes.test.ts tries them with the block that was probed.
    const portable = Object.values(ops).filter(({ domain }) => domain !== blockedDomain);
    expect(portable.map(({ type }) => type).filter((op) => !covered.has(op))).toEqual([]);
  });

  it("has cases with different names, each made of its op", () => {
    expect(new Set(opCases.map(title)).size).toBe(opCases.length);
    for (const { op, inputs, build } of opCases) {
      const graph = buildGraph({ result: build(inputsFor(inputs)) });
      expect(graph.nodes.map((node) => node.op.type)).toContain(op);
    }
  });
});

describe("inferred types", () => {
  it.each(opCases.map((each) => [title(each), each] as const))(
    "agree with ONNX Runtime: %s",
    async (_title, { inputs, build }) => {
      const value = build(inputsFor(inputs));
      const { result } = await runGraph(buildGraph({ result: value }), inputs);
      expect(result?.dtype).toBe(value.dtype);
      if (value.shape.every((dim) => typeof dim === "number")) expect(result?.dims).toEqual(value.shape);
      else expect(bind(value.shape, result!, 0)).toEqual(result?.dims);
    },
  );

  it.each(opCases.filter(({ inputs }) => inputs["x"]).map((each) => [title(each), each] as const))(
    "agree with ONNX Runtime for a dynamic batch: %s",
    async (_title, { inputs, build }) => {
      const value = build(inputsFor(inputs, ["x"]));
      const { result } = await runGraph(buildGraph({ result: value }), inputs);
      expect(result?.dtype).toBe(value.dtype);
      expect(bind(value.shape, result!, inputs["x"]!.dims[0]!)).toEqual(result?.dims);
    },
  );
});

/** A shape with its batch filled in; lengths that only ONNX Runtime knows are taken from its result. */
function bind(shape: Shape, found: Tensor, batch: number): readonly number[] {
  return shape.map((dim, axis) => {
    if (typeof dim === "number") return dim;
    const factors = dim.split("*").map((factor) => (factor === "N" ? batch : Number(factor)));
    const product = elementCount(factors);
    return Number.isNaN(product) ? (found.dims[axis] ?? -1) : product;
  });
}

/** Integers have to be equal. */
const tolerance = ({ dtype }: Tensor): number => (dtype === "float32" ? 2e-6 : 1e-15);

describe.skipIf(!hasTorch)("values as PyTorch's", () => {
  let expected: Readonly<Record<string, Tensor>>;

  beforeAll(() => {
    expected = evaluateInTorch(Object.fromEntries(opCases.map((each) => [title(each), each])));
  });

  it.each(opCases.map((each) => [title(each), each] as const))("%s", async (name, { inputs, build }) => {
    const { result } = await runGraph(buildGraph({ result: build(inputsFor(inputs)) }), inputs);
    const reference = expected[name]!;
    expect(result?.dims).toEqual(reference.dims);
    expect(result?.dtype).toBe(reference.dtype);
    expect(relativeError(result!, reference)).toBeLessThan(tolerance(reference));
  });
});
