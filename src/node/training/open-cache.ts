import type { WorkerThread } from "../worker-thread.ts";
import type { MeasureRequest } from "../workers/training.ts";
import { decodedCache, type DecodedCache } from "./decoded-cache.ts";

/** Images that are decoded to learn the size of all. */
const sampled = 32;
/** Room for a sample whose images happen to be small. */
const slack = 1.25;

/** A cache for all decoded images; undefined when they are not expected to fit into `bytes`. */
export async function openCache(
  thread: WorkerThread,
  { index, decode }: Pick<MeasureRequest, "index" | "decode">,
  bytes: number,
): Promise<DecodedCache | undefined> {
  if (bytes === 0) return undefined;
  const count = Math.min(sampled, index.size);
  const images = Array.from({ length: count }, (_, i) => Math.floor((i * index.size) / count));
  const request: MeasureRequest = { index, decode, images };
  const sizes = await thread.call<readonly number[]>("measure", request);
  if (sizes.length === 0) return undefined;
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  const expected = mean * index.size;
  return expected > bytes ? undefined : decodedCache(index.size, Math.min(expected * slack, bytes));
}
