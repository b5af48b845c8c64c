import { describe, expect, it } from "vitest";
import { bytesSource, tensor, type Tensor } from "../../src/core/index.ts";
import { openCheckpoint } from "../../src/weights/index.ts";
import type { Writable } from "../support/pickle-writer.ts";
import { encodeLegacyPth, encodeZipPth } from "../support/pth-writer.ts";

describe("other ways to write a tensor", () => {
  const storage = (
    type: readonly [string, string],
    count: number,
    ...view: readonly Writable[]
  ): Writable => ({
    persistentId: ["storage", { global: type }, "0", "cuda:0", count, ...view],
  });
  const rebuild = (name: string, ...args: readonly Writable[]): Writable => ({
    call: { global: ["torch._utils", name] },
    args,
  });
  const elements = new Map([["a", tensor("float32", [4], Float32Array.of(1, 2, 3, 4))]]);

  async function values(
    legacy: boolean,
    written: Writable,
    stored: ReadonlyMap<string, Tensor> = elements,
  ): Promise<unknown> {
    const wrap = (): Writable => ({
      call: { global: ["collections", "OrderedDict"] },
      args: [[["a", written]]],
    });
    const bytes = legacy ? encodeLegacyPth(stored, { wrap }) : await encodeZipPth(stored, { wrap });
    const { tensors: found } = await openCheckpoint(bytesSource("made.pth", bytes));
    const { dims, data } = await found.get("a")!.load();
    return { dims, data };
  }

  it("_rebuild_tensor, as torch 0.3 wrote it, in an OrderedDict of pairs", async () => {
    const written = rebuild("_rebuild_tensor", storage(["torch.cuda", "FloatStorage"], 4, null), 1, [3], [1]);
    expect(await values(true, written)).toEqual({ dims: [3], data: Float32Array.of(2, 3, 4) });
  });

  it("a view of a storage", async () => {
    const view: Writable = { tuple: ["view", 1, 3] };
    const written = rebuild(
      "_rebuild_tensor_v2",
      storage(["torch", "FloatStorage"], 4, view),
      1,
      [2],
      [1],
      false,
      null,
    );
    expect(await values(true, written)).toEqual({ dims: [2], data: Float32Array.of(3, 4) });
    const beyond: Writable = { tuple: ["view", 2, 3] };
    const outside = rebuild("_rebuild_tensor", storage(["torch", "FloatStorage"], 4, beyond), 0, [1], [1]);
    await expect(values(true, outside)).rejects.toMatchObject({ code: "weights/invalid-tensor" });
  });

  it("_rebuild_tensor_v3 on an untyped storage", async () => {
    const bytes = new Map([["a", tensor("uint8", [16], new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer))]]);
    const untyped = storage(["torch.storage", "UntypedStorage"], 16);
    const float32: Writable = { global: ["torch", "float32"] };
    const written = rebuild("_rebuild_tensor_v3", untyped, 1, [3], [1], false, null, float32);
    expect(await values(false, written, bytes)).toEqual({ dims: [3], data: Float32Array.of(2, 3, 4) });
    const beyond = rebuild("_rebuild_tensor_v3", untyped, 2, [3], [1], false, null, float32);
    await expect(values(false, beyond, bytes)).rejects.toMatchObject({ code: "weights/invalid-tensor" });
  });

  it("refuses a storage type it does not know, by its name", async () => {
    const written = rebuild("_rebuild_tensor", storage(["torch", "NovelStorage"], 4), 0, [3], [1]);
    await expect(values(false, written)).rejects.toMatchObject({
      code: "weights/unsupported-storage",
      message: expect.stringContaining("torch.NovelStorage") as string,
    });
  });

  it("keeps messages short, however long the names in a file are", async () => {
    const written: Writable = { call: { global: ["os", "x".repeat(900)] }, args: [] };
    const named = (object: Writable): Promise<unknown> => values(false, { dict: [["a.b", object]] });
    await expect(named(written)).rejects.toThrow(expect.objectContaining({ name: "WeightsError" }));
    const endless: Writable = { global: ["os", "x".repeat(2000)] };
    await expect(named(endless)).rejects.toMatchObject({ code: "weights/invalid-pickle" });
    const key: Writable = {
      persistentId: ["storage", { global: ["torch", "FloatStorage"] }, "k".repeat(1e5), "cpu", 1],
    };
    const long = await values(false, rebuild("_rebuild_tensor", key, 0, [1], [1])).catch(
      (error: unknown) => error,
    );
    expect((long as Error).message.length).toBeLessThan(1100);
  });
});
