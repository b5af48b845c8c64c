import type { ImageItem } from "../../data/index.ts";
import type { Failure, Images, Network, RawOutputs } from "../../predict/results.ts";
import { fromWire, toWire, type WireError } from "../../runtime/thread-calls.ts";
import type { Ranks } from "./ranks.ts";

/** Images that a rank runs over before it tells the others what came of them. */
const chunkOfRank = 64;

/**
 * A network that several processes run together, each over its share of the images. Each of them gets the logits of all
 * images, in their order, as if it had run over them alone: all ranks count the same, and nothing has to be merged.
 *
 * Every rank has to run it over the same images.
 */
export function sharedNetwork(network: Network, ranks: Ranks): Network {
  const { description, classes, modelClasses, lastLayer } = network;
  return {
    description,
    classes,
    modelClasses,
    lastLayer,
    async *run(_, images, signal) {
      const queue = imageQueue();
      const isOwn = (__: ImageItem, index: number): boolean => index % ranks.size === ranks.rank;
      const results = network.run(["logits"], queue.images, signal);
      const chunks = chunksOf(images, chunkOfRank * ranks.size);
      try {
        let chunk = await nextOf(chunks);
        queue.add(chunk.filter(isOwn));
        while (chunk.length > 0) {
          // The next images are at hand while the last ones of these are run over.
          const following = await nextOf(chunks);
          queue.add(following.filter(isOwn));
          if (following.length === 0) queue.end();
          const own: OwnResult[] = [];
          for (let left = chunk.filter(isOwn).length; left > 0; left--) {
            own.push((await results.next()).value as OwnResult);
          }
          const all = (await ranks.gather(encodeResults(own))).map(decodeResults);
          for (const [index, item] of chunk.entries()) {
            const result = all[index % ranks.size]![Math.floor(index / ranks.size)]!;
            yield "error" in result
              ? { image: item.id, error: fromWire(result.error) }
              : { image: item.id, item, outputs: { logits: result.logits } };
          }
          chunk = following;
        }
      } finally {
        queue.end();
        await results.return();
      }
    },
  };
}

type OwnResult = Failure | { readonly outputs: RawOutputs };

/** What came of an image, as it goes from rank to rank. */
type SharedResult = { readonly error: WireError } | { readonly logits: RawOutputs[string] };

/** Lengths of the description in JSON, the description, the logits of the images that have some. */
function encodeResults(results: readonly OwnResult[]): Uint8Array {
  const logits = results.flatMap((result) => ("error" in result ? [] : [result.outputs["logits"]!]));
  const errors = results.map((result) =>
    "error" in result ? toWire(result.error, result.error.code) : null,
  );
  const header = new TextEncoder().encode(JSON.stringify({ errors, dims: logits[0]?.dims ?? [] }));
  const length = logits[0]?.data.byteLength ?? 0;
  const bytes = new Uint8Array(4 + header.length + logits.length * length);
  new DataView(bytes.buffer).setUint32(0, header.length);
  bytes.set(header, 4);
  for (const [index, { data }] of logits.entries()) {
    const own = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    bytes.set(own, 4 + header.length + index * length);
  }
  return bytes;
}

function decodeResults(bytes: Uint8Array): readonly SharedResult[] {
  const headerEnd = 4 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const header = new TextDecoder().decode(bytes.subarray(4, headerEnd));
  const { errors, dims } = JSON.parse(header) as {
    readonly errors: readonly (WireError | null)[];
    readonly dims: readonly number[];
  };
  const length = 4 * dims.reduce((product, dim) => product * dim, 1);
  let start = headerEnd;
  return errors.map((error) => {
    if (error) return { error };
    const data = new Float32Array(bytes.slice(start, (start += length)).buffer);
    return { logits: { dims, data } };
  });
}

/** Images in arrays of so many; the last one may have fewer. */
async function* chunksOf(images: Images, size: number): AsyncGenerator<readonly ImageItem[]> {
  let chunk: ImageItem[] = [];
  for await (const item of images) {
    if (chunk.push(item) < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

const nextOf = async (chunks: AsyncGenerator<readonly ImageItem[]>): Promise<readonly ImageItem[]> => {
  const { value, done } = await chunks.next();
  return done ? [] : value;
};

/** Images that are handed over while others are run over. */
function imageQueue(): {
  readonly images: Images;
  add(items: readonly ImageItem[]): void;
  end(): void;
} {
  const waiting: ImageItem[] = [];
  let isOver = false;
  let wake = (): void => undefined;
  return {
    images: {
      async *[Symbol.asyncIterator]() {
        for (;;) {
          const item = waiting.shift();
          if (item) yield item;
          else if (isOver) return;
          else await new Promise<void>((resolve) => void (wake = resolve));
        }
      },
    },
    add(items) {
      waiting.push(...items);
      wake();
    },
    end() {
      isOver = true;
      wake();
    },
  };
}
