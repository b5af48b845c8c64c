import { beforeAll, describe, expect, it } from "vitest";
import { elementCount, type Tensor } from "../../src/core/index.ts";
import { buildGraph, float32, gradients, mul, ops, reduceSum } from "../../src/graph/index.ts";
import { vjpTable } from "../../src/graph/autodiff/vjp-table.ts";
import { randomTensors } from "../support/random-tensors.ts";
import { inputsFor, relativeError, runGraph } from "../support/run-graph.ts";
import { hasTorch } from "../support/torch.ts";
import { evaluateInTorch } from "../support/torch-tensors.ts";
import { gradientCases, type Float, type GradientCase } from "./gradient-cases.ts";

const title = ({ op, name }: GradientCase): string => `${op} ${name}`.trimEnd();

type Grads = Readonly<Record<string, Tensor>>;

/** Names of the inputs whose gradients are taken. */
const wanted = ({ inputs, data = [] }: GradientCase): readonly string[] =>
  Object.keys(inputs).filter((name) => !data.includes(name));

/** A fixed direction for each case: the loss is the output's product with it. */
function direction(each: GradientCase): Tensor<"float32"> {
  const { shape } = each.build(inputsFor(each.inputs));
  return randomTensors(7).normal(...(shape as readonly number[]));
}

function lossGraph(each: GradientCase): {
  readonly loss: Float;
  readonly values: Readonly<Record<string, Float>>;
} {
  const feeds = { ...each.inputs, direction: direction(each) };
  const values = inputsFor(feeds) as Readonly<Record<string, Float>>;
  const y = each.build(values);
  const axes = y.shape.map((_, axis) => axis);
  return { loss: reduceSum(mul(y, values["direction"]!), axes, { keepdims: 0 }), values };
}

async function ownGradients(each: GradientCase): Promise<Grads> {
  const { loss, values } = lossGraph(each);
  const names = wanted(each);
  const grads = gradients(
    loss,
    names.map((name) => values[name]!),
  );
  // A sum hands the same gradient to both of its terms, but an output has one name.
  const outputs = Object.fromEntries(
    names.map((name, index) => [`d_${name}`, mul(grads[index]!, float32(1))]),
  );
  return runGraph(buildGraph(outputs), { ...each.inputs, direction: direction(each) });
}

describe("the table of rules", () => {
  it("has a case for every op with a gradient", () => {
    const covered = new Set<string>(gradientCases.map(({ op }) => op));
    const ruled = Object.entries(vjpTable).filter(([, rule]) => typeof rule === "function");
    expect(ruled.map(([op]) => op).filter((op) => !covered.has(op))).toEqual([]);
  });

  it("has an entry for every op", () => {
    expect(Object.keys(vjpTable).toSorted()).toEqual(Object.keys(ops).toSorted());
  });
});

describe.skipIf(!hasTorch)("gradients as PyTorch's", () => {
  let expected: Grads;

  beforeAll(() => {
    const expressions = gradientCases.flatMap((each) => {
      const names = wanted(each).join(", ");
      const whole = `lambda ${names}: (${each.torch})(${Object.keys(each.inputs).join(", ")})`;
      const inputs = { ...each.inputs, direction: direction(each) };
      return wanted(each).map((name, index) => [
        `${title(each)} ${name}`,
        { inputs, torch: `torch.autograd.functional.vjp(${whole}, (${names},), direction)[1][${index}]` },
      ]);
    });
    expected = evaluateInTorch(Object.fromEntries(expressions));
  });

  it.each(gradientCases.map((each) => [title(each), each] as const))("%s", async (name, each) => {
    const grads = await ownGradients(each);
    for (const input of wanted(each)) {
      const [own, torch] = [grads[`d_${input}`]!, expected[`${name} ${input}`]!];
      expect(own.dims).toEqual(torch.dims);
      expect(relativeError(own, torch)).toBeLessThan(5e-6);
    }
  });
});

describe("gradients as finite differences", () => {
  // Smooth functions of few elements: float32 leaves about three digits.
  const smooth = gradientCases.filter(
    ({ op, inputs }) =>
      !["Relu", "MaxPool", "SoftmaxCrossEntropy"].includes(op) &&
      Object.values(inputs).every(({ dims }) => elementCount(dims) > 0 && elementCount(dims) <= 64),
  );

  it.each(smooth.map((each) => [title(each), each] as const))("%s", async (_title, each) => {
    const grads = await ownGradients(each);
    const { loss } = lossGraph(each);
    const graph = buildGraph({ loss });
    const at = async (name: string, element: number, step: number): Promise<number> => {
      const moved = each.inputs[name]!;
      const data = moved.data.map((value, index) => (index === element ? value + step : value));
      const feeds = { ...each.inputs, [name]: { ...moved, data }, direction: direction(each) };
      return Number((await runGraph(graph, feeds))["loss"]!.data[0]);
    };
    const step = 1e-2;
    for (const name of wanted(each)) {
      const grad = grads[`d_${name}`]!;
      const scale = Math.max(...Array.from(grad.data as Float32Array, Math.abs), 1e-3);
      for (const element of [0, elementCount(grad.dims) - 1]) {
        const slope = ((await at(name, element, step)) - (await at(name, element, -step))) / (2 * step);
        expect(Math.abs(slope - Number(grad.data[element])) / scale).toBeLessThan(5e-3);
      }
    }
  });
});

describe("what is refused", () => {
  const { normal } = randomTensors(1);

  it("a loss of several elements", () => {
    const { x } = inputsFor({ x: normal(3) });
    expect(() => gradients(mul(x, x), [x])).toThrow("A loss has one element, got [3].");
  });
});
