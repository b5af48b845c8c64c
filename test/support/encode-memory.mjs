// Encodes 300 MB of weights and prints the most bytes of arrays that were alive at once.
import { buildGraph, constant, add, encodeModel, input } from "../../dist/graph/index.js";

const elements = 7_500_000;
const zeros = () => ({
  dtype: "float32",
  dims: [1, elements],
  load: async () => ({ dtype: "float32", dims: [1, elements], data: new Float32Array(elements) }),
});
let value = input("x", "float32", [1, elements]);
for (let i = 0; i < 10; i++) value = add(value, constant(zeros()));

const alive = () => {
  globalThis.gc();
  return process.memoryUsage().arrayBuffers;
};
const { model } = encodeModel(buildGraph({ sum: value }));
const before = alive();
let peakBytes = 0;
for await (const chunk of model) if (chunk.length > 0) peakBytes = Math.max(peakBytes, alive() - before);
process.stdout.write(JSON.stringify({ tensorBytes: 4 * elements, peakBytes }));
