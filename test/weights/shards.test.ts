import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { StateDict } from "../../src/core/index.ts";
import { writeFileAtomic } from "../../src/node/files/file-system.ts";
import { openModel } from "../../src/node/library.ts";
import { encodeSafetensors } from "../../src/weights/index.ts";
import { smallNetwork } from "../support/small-network.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
const index = join(folder, "model.safetensors.index.json");
const shardName = (shard: number): string => `model-0000${shard}-of-00002.safetensors`;
let names: readonly string[] = [];

beforeAll(async () => {
  await smallNetwork().withWeights(async (weights) => {
    names = [...weights.keys()];
    for (const shard of [1, 2]) {
      const part: StateDict = new Map([...weights].filter((_, place) => place % 2 === shard - 1));
      await writeFileAtomic(join(folder, shardName(shard)), encodeSafetensors(part).chunks);
    }
  });
  writeIndex(index, (_, place) => shardName((place % 2) + 1));
});

function writeIndex(path: string, shardOf: (name: string, place: number) => unknown): void {
  const map = Object.fromEntries(names.map((name, place) => [name, shardOf(name, place)]));
  writeFileSync(path, JSON.stringify({ metadata: { total_size: 1 }, weight_map: map }));
}

describe("weights in shards", () => {
  it("are opened by their list, and by their folder", async () => {
    for (const path of [index, folder]) {
      const source = await openModel(path);
      expect(source.description.config).toEqual(smallNetwork().description.config);
      const [found, wanted] = await Promise.all(
        [source, smallNetwork()].map((each) =>
          each.withWeights(async (weights) => (await weights.get("fc.weight")!.load()).data),
        ),
      );
      expect(found).toEqual(wanted);
    }
  });

  it("are called shards where one is named alone", async () => {
    await expect(openModel(join(folder, shardName(2)))).rejects.toMatchObject({
      code: "weights/one-shard",
      message: expect.stringContaining("is shard 2 of 2") as string,
    });
  });

  it.each<[what: string, shardOf: (name: string, place: number) => unknown, code: string]>([
    ["a tensor elsewhere than it says", () => shardName(1), "weights/invalid-index"],
    ["a shard outside its folder", () => `../${shardName(1)}`, "weights/invalid-index"],
    ["a shard that is not there", () => "model-00009-of-00009.safetensors", "data/not-found"],
    ["a number for a name", () => 1, "weights/invalid-index"],
  ])("refuses a list with %s", async (what, shardOf, code) => {
    const other = join(folder, what.replaceAll(" ", "-"));
    mkdirSync(other);
    for (const shard of [1, 2]) {
      await smallNetwork().withWeights((weights) =>
        writeFileAtomic(
          join(other, shardName(shard)),
          encodeSafetensors(new Map([...weights].slice(0, 3))).chunks,
        ),
      );
    }
    const path = join(other, "model.safetensors.index.json");
    writeIndex(path, shardOf);
    await expect(openModel(path)).rejects.toMatchObject({ code });
  });
});
