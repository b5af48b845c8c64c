import { deriveSeed, seededRandom } from "../../core/index.ts";
import { classBalancedOrder } from "./class-balanced.ts";
import { shardOfOrder } from "./shard-of-order.ts";
import { ascending, shuffle } from "./shuffle.ts";
import { stream } from "./streams.ts";

/**
 * How an epoch goes through the images: each once in random order, each class equally often in random order, or each
 * once as the source lists them.
 */
export type Sampler = "shuffled" | "class-balanced" | "sequential";

/** What the order of an epoch depends on. */
export interface EpochOrderOptions {
  /** Class index of each image. */
  readonly labels: ArrayLike<number>;
  readonly seed: number;
  readonly epoch: number;
  /** @default "shuffled" */
  readonly sampler?: Sampler | undefined;
  /** Which of the processes that share the epoch this is. @default 0 */
  readonly rank?: number | undefined;
  /** Number of processes that share the epoch. @default 1 */
  readonly worldSize?: number | undefined;
}

/** The images of an epoch, by index, in the order in which this process sees them. */
export function epochOrder(options: EpochOrderOptions): Uint32Array {
  const { labels, seed, epoch, sampler = "shuffled", rank = 0, worldSize = 1 } = options;
  const random = seededRandom(deriveSeed(stream.order, seed, epoch));
  const order =
    sampler === "class-balanced"
      ? classBalancedOrder(labels, random)
      : sampler === "shuffled"
        ? shuffle(ascending(labels.length), random)
        : ascending(labels.length);
  return shardOfOrder(order, rank, worldSize);
}
