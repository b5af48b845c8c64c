/**
 * The part of an epoch's order that one of `worldSize` processes works on: every `worldSize`-th image from its rank on.
 *
 * The order is padded with its own beginning, so that all parts have the same length, as PyTorch's
 * `DistributedSampler` does it.
 */
export function shardOfOrder(order: Uint32Array, rank: number, worldSize: number): Uint32Array {
  const shard = new Uint32Array(Math.ceil(order.length / worldSize));
  for (let i = 0; i < shard.length; i++) shard[i] = order[(i * worldSize + rank) % order.length]!;
  return shard;
}
