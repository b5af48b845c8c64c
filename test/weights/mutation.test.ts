import { describe, expect, it } from "vitest";
import { seededRandom, tensor, WeightsError, type StateDict, type Tensor } from "../../src/core/index.ts";
import { encodeSafetensors, openCheckpoint, toFloat32 } from "../../src/weights/index.ts";
import { collect, countingSource } from "../support/counting-source.ts";
import { mutate } from "../support/mutate.ts";
import type { Writable } from "../support/pickle-writer.ts";
import { encodeLegacyPth, encodeZipPth, tensorCall } from "../support/pth-writer.ts";

const total = process.env["SSL_RESNEXT_LONG_TESTS"] === undefined ? 1500 : 20_000;
const megabyte = 2 ** 20;

const tensors = new Map<string, Tensor & StateDictEntry>([
  ["conv1.weight", tensor("float32", [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6))],
  ["bn1.num_batches_tracked", tensor("int64", [], BigInt64Array.of(9n))],
  ["fc.weight", tensor("float16", [4], Uint16Array.of(1, 2, 3, 4))],
]);
type StateDictEntry = StateDict extends ReadonlyMap<string, infer Entry> ? Entry : never;

/** A training checkpoint with a transposed view that shares a storage. */
const training =
  (legacy: boolean) =>
  (stateDict: Writable): Writable => ({
    dict: [
      ["epoch", 3],
      ["state_dict", stateDict],
      ["rates", [0.1, 0.01, { tuple: [null, true, "x"] }]],
      [
        "model",
        {
          dict: [["t", tensorCall("0", "float32", 6, { offset: 0, dims: [3, 2], strides: [1, 3] }, legacy)]],
        },
      ],
    ],
  });

const originals: readonly (readonly [string, () => Promise<Uint8Array<ArrayBuffer>>])[] = [
  [".pth, legacy", () => Promise.resolve(encodeLegacyPth(tensors, { wrap: training(true) }))],
  [".pth, zip", () => encodeZipPth(tensors, { wrap: training(false) })],
  [".safetensors", () => collect(encodeSafetensors(tensors, { arch: "resnet18", epoch: "3" }).chunks)],
];

/** Opens a file and loads all of it within bounds; gives "ok" or the code of the typed error. */
async function outcomeOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const source = countingSource("mutated", bytes);
  try {
    const { tensors: found } = await openCheckpoint(source);
    for (const entry of found.values()) {
      const { data } = await toFloat32(entry).load();
      expect(data.length).toBeLessThanOrEqual(Math.max(megabyte, bytes.length));
    }
    return "ok";
  } catch (error) {
    if (!(error instanceof WeightsError)) throw error;
    expect(error.message.length).toBeLessThan(2000);
    return error.code;
  } finally {
    expect(source.count.largest).toBeLessThanOrEqual(bytes.length);
    expect(source.count.reads).toBeLessThan(100);
  }
}

describe.each(originals)("%s", (name, encode) => {
  it(`damaged in ${Math.ceil(total / originals.length)} ways opens or is refused by a typed error`, async () => {
    const original = await encode();
    expect(await outcomeOf(original)).toBe("ok");
    const random = seededRandom(1905 + name.length);
    const outcomes = new Map<string, number>();
    for (let i = 0; i < total / originals.length; i++) {
      const bytes = mutate(original, random);
      const outcome = await outcomeOf(bytes).catch((error: unknown) => {
        throw new Error(`${name}, mutation ${i}: ${Buffer.from(bytes).toString("base64").slice(0, 4000)}`, {
          cause: error,
        });
      });
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    // Some damage is harmless and some is not: a run without both would have tested nothing.
    expect(outcomes.get("ok") ?? 0).toBeGreaterThan(10);
    expect(outcomes.size).toBeGreaterThan(4);
  }, 600_000);
});
