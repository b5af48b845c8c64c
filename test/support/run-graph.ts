import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import type { Tensor, TensorSource } from "../../src/core/index.ts";
import {
  buildGraph,
  encodeModel,
  input,
  lower,
  standard,
  type Graph,
  type Value,
} from "../../src/graph/index.ts";

export type Feeds = Readonly<Record<string, Tensor>>;

/** Collects the pieces of a stream into one array. */
export async function collect(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** Runs a model, given as bytes or as a path, once in ONNX Runtime on the CPU. */
export async function runModel(
  model: Uint8Array | string,
  feeds: Feeds,
): Promise<Readonly<Record<string, Tensor>>> {
  const options = { executionProviders: ["cpu"], logSeverityLevel: 3 } as const;
  const session = await (typeof model === "string"
    ? InferenceSession.create(model, options)
    : InferenceSession.create(model, options));
  try {
    const results = await session.run(
      Object.fromEntries(
        Object.entries(feeds).map(([name, { dtype, dims, data }]) => [
          name,
          new OrtTensor(dtype as OrtTensor.Type, data as Float32Array, dims),
        ]),
      ),
    );
    return Object.fromEntries(
      // Elements have the type that their dtype says, whatever it is.
      Object.entries(results).map(([name, { type, dims, data }]) => [
        name,
        { dtype: type as "float32", dims, data: data as Float32Array<ArrayBuffer> },
      ]),
    );
  } finally {
    await session.release();
  }
}

/** Lowers a graph to ONNX's operators, encodes it and runs it. */
export async function runGraph(graph: Graph, feeds: Feeds): Promise<Readonly<Record<string, Tensor>>> {
  return runModel(await collect(encodeModel(lower(graph, standard)).model), feeds);
}

/** Feeds whose values a graph reads as its inputs, by name. */
export type ValuesOf<F extends Feeds> = { readonly [K in keyof F]: Value<F[K]["dtype"]> };

/** The inputs of a graph that takes these feeds; the first axis of the `batched` ones is "N". */
export function inputsFor<F extends Feeds>(feeds: F, batched: readonly (keyof F)[] = []): ValuesOf<F> {
  const values = Object.entries(feeds).map(([name, { dtype, dims }]) => [
    name,
    input(name, dtype, batched.includes(name) ? ["N", ...dims.slice(1)] : dims),
  ]);
  return Object.fromEntries(values) as ValuesOf<F>;
}

/** Runs what `build` makes of the feeds. */
export async function evaluate<F extends Feeds>(
  feeds: F,
  build: (values: ValuesOf<F>) => Value,
): Promise<Tensor> {
  const { result } = await runGraph(buildGraph({ result: build(inputsFor(feeds)) }), feeds);
  return result!;
}

/** Largest absolute difference, in units of the largest magnitude expected. */
export function relativeError(actual: Tensor, expected: Tensor): number {
  let difference = 0;
  let largest = Number.MIN_VALUE;
  for (let i = 0; i < expected.data.length; i++) {
    const distance = Math.abs(Number(actual.data[i]) - Number(expected.data[i]));
    // NaN must never pass for equal.
    difference = distance <= difference ? difference : distance;
    largest = Math.max(largest, Math.abs(Number(expected.data[i])));
  }
  return difference / largest;
}

/** A tensor whose loads are counted. */
export function counted(tensor: Tensor, log: string[], name: string): TensorSource {
  return {
    dtype: tensor.dtype,
    dims: tensor.dims,
    load() {
      log.push(name);
      return Promise.resolve(tensor);
    },
  };
}
