import type { Hash } from "node:crypto";
import type { StateDict } from "../core/index.ts";

/** Adds names and values of weights to a hash, in the order of their names; shapes follow from the network. */
export async function hashWeights(hash: Hash, weights: StateDict): Promise<void> {
  for (const [name, tensor] of [...weights].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const { data } = await tensor.load();
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
}
