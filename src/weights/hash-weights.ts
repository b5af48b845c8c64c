import type { StateDict } from "../core/index.ts";
import type { Sha256 } from "../core/index.ts";

/** Adds names and values of weights to a hash, in the order of their names; shapes follow from the network. */
export async function hashWeights(hash: Pick<Sha256, "update">, weights: StateDict): Promise<void> {
  const encoder = new TextEncoder();
  for (const [name, tensor] of [...weights].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const { data } = await tensor.load();
    hash.update(encoder.encode(name));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
}
