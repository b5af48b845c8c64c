import { SessionError, UsageError } from "../../core/index.ts";
import {
  epochOrder,
  type BatchArrays,
  type EpochOptions,
  type EpochOrderOptions,
  type TrainingBatch,
  type TrainingLoader,
} from "../../data/index.ts";
import { mapWindow } from "../../runtime/map-window.ts";
import type { Thread } from "../../runtime/platform.ts";
import { fromWire, shareCalls } from "../../runtime/thread-calls.ts";
import type { BatchRequest, MadeBatch } from "./batch-worker.ts";

/** A data set whose workers stand ready. */
export interface LoaderParts {
  readonly threads: readonly Thread[];
  readonly classes: readonly string[];
  readonly leftOut: TrainingLoader["leftOut"];
  readonly batchSize: number;
  readonly rank: number;
  readonly worldSize: number;
  readonly batchesPerEpoch: number;
  readonly order: Required<Omit<EpochOrderOptions, "epoch">>;
  /** Ends the workers and removes what was written. */
  end(): Promise<void>;
}

/** Hands the batches of each epoch to the workers, and out again in their order. */
export function trainingLoader(parts: LoaderParts): TrainingLoader {
  const { threads, batchSize, rank, worldSize, batchesPerEpoch } = parts;
  const { labels, trueLabels = labels.length } = parts.order;
  // One call for each thread: whichever ends first takes the next batch.
  const share = shareCalls(threads, 1);
  const handedOut = new WeakMap<TrainingBatch, MadeOf>();
  const closing = new AbortController();

  const make = async (
    order: Uint32Array,
    { epoch, batch }: Pick<TrainingBatch, "epoch" | "batch">,
    signal: AbortSignal,
  ): Promise<TrainingBatch> => {
    const position = (batch * worldSize + rank) * batchSize;
    const request: BatchRequest = { epoch, images: order.slice(position, position + batchSize), position };
    return share(async (thread) => {
      const made = await thread.call<MadeBatch>("batch", request, { signal });
      const skipped = made.skipped.map(({ id, error }) => ({ id, error: fromWire(error) }));
      const { images, targets } = made;
      const ready = { images, targets, size: batchSize, epoch, batch, skipped };
      handedOut.set(ready, { thread, lengths: lengthsOf(made) });
      return ready;
    });
  };

  return {
    classes: parts.classes,
    images: trueLabels,
    leftOut: parts.leftOut,
    batchesPerEpoch,
    epoch(epoch, { fromBatch = 0, signal }: EpochOptions = {}) {
      checkEpoch(epoch, fromBatch, batchesPerEpoch);
      const order = epochOrder({ ...parts.order, epoch });
      return mapWindow(
        range(fromBatch, batchesPerEpoch),
        (batch, ending) => make(order, { epoch, batch }, ending),
        {
          // One for each worker, one that is ready, and one that is being handed over.
          width: threads.length + 2,
          ordered: true,
          signal: AbortSignal.any(signal ? [closing.signal, signal] : [closing.signal]),
        },
      );
    },
    recycle(batch, { images, targets } = batch) {
      const made = handedOut.get(batch);
      if (made?.lengths !== lengthsOf({ images, targets })) return;
      handedOut.delete(batch);
      // Kept by the thread: this one's garbage collector, which has more to look through, would count it at each batch.
      const transfer = [images.buffer, targets.buffer];
      // A thread that is gone needs no memory.
      made.thread
        .call("keep", { images, targets } satisfies BatchArrays, { transfer })
        .catch(() => undefined);
    },
    async close() {
      closing.abort(
        new SessionError("runtime/released", "The training loader was closed; open a new one to go on."),
      );
      await parts.end();
    },
  };
}

/** Where a batch came from. */
interface MadeOf {
  readonly thread: Thread;
  readonly lengths: string;
}

/** Arrays that went elsewhere are empty, and so of other lengths than when they were made. */
const lengthsOf = ({ images, targets }: BatchArrays): string => `${images.length}, ${targets.length}`;

function* range(start: number, end: number): Generator<number> {
  for (let i = start; i < end; i++) yield i;
}

function checkEpoch(epoch: number, fromBatch: number, batches: number): void {
  if (!Number.isInteger(epoch) || epoch < 0) {
    throw new UsageError("data/loader-options", `The epoch must be an integer from 0 on; it is ${epoch}.`);
  }
  if (!Number.isInteger(fromBatch) || fromBatch < 0 || fromBatch > batches) {
    throw new UsageError(
      "data/loader-options",
      `fromBatch must be an integer from 0 to the ${batches} batches of an epoch; it is ${fromBatch}.`,
    );
  }
}
