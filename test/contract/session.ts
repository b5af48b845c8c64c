import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { tensor, type Tensor } from "../../src/core/index.ts";
import {
  buildGraph,
  input,
  lower,
  modelBytes,
  reduceSum,
  reluGrad,
  standard,
  type Value,
} from "../../src/graph/index.ts";
import type { CreateSession, Device, Engine, Session } from "../../src/runtime/index.ts";
import { arithmeticModel } from "../support/tiny-model.ts";

/** An implementation of sessions, and a device of it. */
export interface SessionRuntime {
  readonly createSession: CreateSession;
  readonly device: Device;
  /** @default "onnxruntime" */
  readonly engine?: Engine;
  /** Why it cannot be tested here; undefined where it can. */
  readonly missing?: string | undefined;
}

export const row = (...values: number[]): Tensor<"float32"> => ({
  dtype: "float32",
  dims: [1, values.length],
  data: Float32Array.from(values),
});

const vector = (...values: number[]): Tensor<"float32"> =>
  tensor("float32", [values.length], Float32Array.from(values));

export const withCode = (code: string): unknown => expect.objectContaining({ name: "SessionError", code });

/** What every `Session` does, on every device and platform. */
export function sessionSuite(name: string, runtime: SessionRuntime): void {
  describe(`a session of ${name} on ${runtime.device}`, () => {
    const { device, engine = "onnxruntime", missing } = runtime;
    let session: Session;

    beforeEach(({ skip }) => skip(missing !== undefined, missing));
    beforeAll(async () => {
      if (missing) return;
      session = await runtime.createSession(arithmeticModel(), { engine, device });
    });
    afterAll(() => session?.release());

    /** A graph of our own. */
    const opened = async (outputs: Readonly<Record<string, Value>>): Promise<Session> =>
      runtime.createSession(await modelBytes(lower(buildGraph(outputs), standard)), { engine, device });

    it("names its inputs and outputs", () => {
      expect(session).toMatchObject({
        engine,
        device,
        inputNames: ["a", "b"],
        outputNames: ["sum", "product"],
      });
    });

    it("computes what the graph says, for any size of the batch", async () => {
      const { sum, product } = await session.run({ a: row(1, 2, 3), b: row(4, 5, 6) });
      expect(sum).toEqual(row(5, 7, 9));
      expect(product).toEqual(row(4, 10, 18));
      const two = tensor("float32", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));
      expect((await session.run({ a: two, b: two }))["sum"]!.dims).toEqual([2, 3]);
    });

    it("computes only the outputs that are asked for, and leaves the feeds to the caller", async () => {
      const a = row(1, 2, 3);
      expect(Object.keys(await session.run({ a, b: a }, { outputs: ["product"] }))).toEqual(["product"]);
      expect([...a.data]).toEqual([1, 2, 3]);
    });

    it("gives a number that has no axes", async () => {
      const total = await opened({
        total: reduceSum(input("a", "float32", [2, 3]), [0, 1], { keepdims: 0 }),
      });
      const a = tensor("float32", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));
      expect((await total.run({ a }))["total"]).toEqual({
        dtype: "float32",
        dims: [],
        data: Float32Array.of(21),
      });
      await total.release();
    });

    it("lets the gradient of ReLU through where its output is positive, however small", async () => {
      const [y, dy] = [input("y", "float32", [5]), input("dy", "float32", [5])];
      const relu = await opened({ dx: reluGrad(y, dy) });
      const feeds = { y: vector(0, -0, 1e-30, 1, 3e38), dy: vector(2, 3, 4, -5, 6) };
      const { dx } = await relu.run(feeds);
      // Without the signs of zeros.
      expect([...(dx!.data as Float32Array)].map((value) => value + 0)).toEqual([0, 0, 4, -5, 6]);
      await relu.release();
    });

    it("takes the feeds' memory when told to", async () => {
      const a = row(1, 2, 3);
      const { sum } = await session.run({ a, b: a }, { transfer: true });
      expect(sum).toEqual(row(2, 4, 6));
      expect(a.data.byteLength).toBe(0);
    });

    it("answers concurrent runs each with its own", async () => {
      const runs = Array.from({ length: 50 }, (_, i) => session.run({ a: row(i, 0, 0), b: row(1, 0, 0) }));
      const sums = (await Promise.all(runs)).map(({ sum }) => sum!.data[0]);
      expect(sums).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    });

    it("says what is wrong with the feeds, and goes on", async () => {
      const a = row(1, 2, 3);
      await expect(session.run({ a })).rejects.toThrow(withCode("runtime/run-failed"));
      await expect(session.run({ a, b: row(1, 2) })).rejects.toThrow(withCode("runtime/run-failed"));
      await expect(session.run({ a, b: tensor("int32", [1, 3], Int32Array.of(1, 2, 3)) })).rejects.toThrow(
        withCode("runtime/run-failed"),
      );
      await expect(session.run({ a, b: a }, { outputs: ["none"] })).rejects.toThrow(
        withCode("runtime/run-failed"),
      );
      expect((await session.run({ a, b: a }))["sum"]).toEqual(row(2, 4, 6));
    });

    it("rejects runs after release", async () => {
      const released = await runtime.createSession(arithmeticModel(), { engine, device });
      const run = released.run({ a: row(1, 2, 3), b: row(1, 2, 3) });
      await Promise.all([expect(run).rejects.toThrow(withCode("runtime/released")), released.release()]);
      await expect(released.run({})).rejects.toThrow(withCode("runtime/released"));
      await released.release();
    });
  });
}
