import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRandom } from "../../src/core/index.ts";
import { hubStorage } from "../../src/node/files/hub-storage.ts";
import type { DownloadOptions, HubEvent, HubStorage, WeightFile } from "../../src/weights/hub/index.ts";

/** Seeded bytes in place of a model's weights. */
export function fakeWeights(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const random = seededRandom(seed);
  return Uint8Array.from({ length }, () => random.integer(256));
}

/** Describes bytes as the release's table describes its files. */
export function describeWeights(bytes: Uint8Array): WeightFile {
  const sha256Prefix = createHash("sha256").update(bytes).digest("hex").slice(0, 8);
  return {
    file: `semi_supervised_tiny-${sha256Prefix}.pth`,
    sha256Prefix,
    bytes: bytes.length,
    timmTag: "tiny.fb_ssl_yfcc100m_ft_in1k",
  };
}

/** A minimal safetensors file. */
export function fakeSafetensors(length: number): Uint8Array<ArrayBuffer> {
  const header = new TextEncoder().encode(
    JSON.stringify({ weight: { dtype: "U8", shape: [length], data_offsets: [0, length] } }),
  );
  const bytes = new Uint8Array(8 + header.length + length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  bytes.set(fakeWeights(length), 8 + header.length);
  return bytes;
}

/** An empty cache folder, removed afterwards. */
export interface TestCache extends AsyncDisposable {
  readonly folder: string;
  readonly storage: HubStorage;
  readonly events: HubEvent[];
  /** Resolves when a download has reported that many bytes. */
  readonly arrived: (received: number) => Promise<void>;
  /** Options with short times and an event log. */
  options(options: Omit<DownloadOptions, "storage">): DownloadOptions;
}

export async function testCache(): Promise<TestCache> {
  const folder = await mkdtemp(join(tmpdir(), "hub-"));
  const storage = hubStorage(folder);
  const events: HubEvent[] = [];
  const waiting = new Map<number, () => void>();
  return {
    folder,
    storage,
    events,
    arrived: (received) => new Promise((resolve) => waiting.set(received, resolve)),
    options: (options) => ({
      mirrorUrl: false,
      onEvent: (event) => {
        events.push(event);
        if (event.type === "progress") waiting.get(event.received)?.();
      },
      ...options,
      storage,
      timing: { retries: 3, firstDelay: 1, longestDelay: 4, progressInterval: 0, ...options.timing },
    }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
