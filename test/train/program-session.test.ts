import * as onnxRuntime from "onnxruntime-node";
import { expect, it } from "vitest";
import { buildGraph, float32, input, modelBytes, mul } from "../../src/graph/index.ts";
import { openProgramSession, programState, reusedMemory } from "../../src/train/step/program-session.ts";

it("has ONNX Runtime write a state by turns into two tensors", async () => {
  const graph = buildGraph({ "weight/next": mul(input("weight", "float32", [3]), float32(2)) });
  const memory = reusedMemory(onnxRuntime);
  const state = programState(new Set(["weight"]), memory);
  const session = await openProgramSession(
    onnxRuntime,
    { model: await modelBytes(graph), inputs: { weight: [3] }, outputs: { "weight/next": [3] } },
    { device: "cpu", tensors: ["weight"], state, memory, session: {} },
  );
  const first = new onnxRuntime.Tensor("float32", Float32Array.of(1, 2, 3), [3]);
  state.move("weight", first);
  state.commit();

  const arrays = [first.data];
  for (let run = 1; run <= 5; run++) {
    await session.run({});
    state.commit();
    const { data } = state.get("weight");
    expect(data).toEqual(Float32Array.of(2 ** run, 2 * 2 ** run, 3 * 2 ** run));
    arrays.push(data as Float32Array);
  }
  expect(new Set(arrays).size).toBe(2);

  await session.run({});
  state.discard();
  expect(state.get("weight").data).toEqual(Float32Array.of(32, 64, 96));
  await session.release();
});
