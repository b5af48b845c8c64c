import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { nodeSemiPlatform } from "../../src/node/semi.ts";
import type { ShardsEvent } from "../../src/semi/events.ts";
import { openFingerprints, type Fingerprints } from "../../src/semi/fingerprints.ts";
import { hashShards, listShards } from "../../src/semi/score/shards.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { writeShard } from "./pipeline-data.ts";

const folder = temporaryFolder();
const at = (...parts: readonly string[]): string => join(folder, ...parts);

/** Hashes as those of files that take longer. */
async function slowFingerprints(): Promise<Fingerprints & { readonly asked: readonly string[] }> {
  const real = await openFingerprints(nodeSemiPlatform, at("hashes.json"));
  const asked: string[] = [];
  return {
    ...real,
    asked,
    async images(path, signal) {
      asked.push(path);
      await setTimeout(120);
      return real.images(path, signal);
    },
  };
}

describe("hashShards", () => {
  it("says how many of the shards are done, and leaves folders to the listing", async () => {
    mkdirSync(at("folder"));
    for (const [seed, name] of ["a.tar", "b.tar"].entries()) await writeShard(at(name), 3, seed);
    const fingerprints = await slowFingerprints();
    const contextOf = (...unlabelled: readonly string[]): Parameters<typeof listShards>[0] => ({
      platform: nodeSemiPlatform,
      settings: { unlabelled, shardImages: 10 },
      fingerprints,
      signal: undefined,
    });
    const events: ShardsEvent[] = [];
    for await (const event of hashShards(contextOf(at("{a,b}.tar"), at("folder")))) events.push(event);
    expect(fingerprints.asked).toEqual([at("a.tar"), at("b.tar")]);
    expect(events).toMatchObject([
      { type: "shards", done: 1, total: 3 },
      { type: "shards", done: 2, total: 3 },
    ]);
    for (const { shardsPerSecond } of events) expect(shardsPerSecond).toBeGreaterThan(0);
    expect(await listShards(contextOf(at("*.tar")))).toHaveLength(2);
  });
});
