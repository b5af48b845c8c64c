import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { downloadWeightFile } from "../../src/weights/hub/index.ts";
import { drop, fileServer, serve, serveWhole, stall } from "../support/file-server.ts";
import { describeWeights, fakeWeights, testCache } from "../support/hub-fixture.ts";

const bytes = Buffer.from(fakeWeights(200_000));
const weights = describeWeights(bytes);

describe("a partial file", () => {
  it("is continued where the connection was dropped", async () => {
    await using cache = await testCache();
    await using server = await fileServer([drop(bytes, 60_000, cache.arrived, '"a"'), serve(bytes, '"a"')]);
    await downloadWeightFile(weights, cache.options({ baseUrl: server.url }));
    expect(server.requests.map(({ range }) => range)).toEqual([undefined, "bytes=60000-"]);
  });

  it("is continued after a stall", async () => {
    await using server = await fileServer([stall(bytes, 60_000), serve(bytes)]);
    await using cache = await testCache();
    await downloadWeightFile(weights, cache.options({ baseUrl: server.url, timing: { stallTimeout: 150 } }));
    expect(cache.events).toContainEqual(
      expect.objectContaining({ error: expect.objectContaining({ code: "weights/stalled" }) as unknown }),
    );
  });

  it("is begun after a server that accepts and never answers", async () => {
    await using server = await fileServer([() => undefined, serve(bytes)]);
    await using cache = await testCache();
    await downloadWeightFile(weights, cache.options({ baseUrl: server.url, timing: { stallTimeout: 150 } }));
    expect(cache.events).toContainEqual(
      expect.objectContaining({ error: expect.objectContaining({ code: "weights/stalled" }) as unknown }),
    );
  });

  it("of an earlier run is hashed and continued", async () => {
    await using server = await fileServer([serve(bytes)]);
    await using cache = await testCache();
    await writeFile(join(cache.folder, `${weights.file}.partial`), bytes.subarray(0, 150_000));
    await downloadWeightFile(weights, cache.options({ baseUrl: server.url }));
    expect(server.requests.map(({ range }) => range)).toEqual(["bytes=150000-"]);
    expect(await readdir(cache.folder)).toEqual(["license-notice", weights.file]);
  });

  it("that is complete already is only verified (416)", async () => {
    await using server = await fileServer([serve(bytes)]);
    await using cache = await testCache();
    await writeFile(join(cache.folder, `${weights.file}.partial`), bytes);
    await downloadWeightFile(weights, cache.options({ baseUrl: server.url }));
    expect(server.requests).toHaveLength(1);
  });

  it("that is too long starts over (416)", async () => {
    await using server = await fileServer([serve(bytes)]);
    await using cache = await testCache();
    await writeFile(join(cache.folder, `${weights.file}.partial`), new Uint8Array(bytes.length + 5));
    await downloadWeightFile(weights, cache.options({ baseUrl: server.url }));
    expect(server.requests.map(({ range }) => range)).toEqual([`bytes=${bytes.length + 5}-`, undefined]);
  });

  it("with wrong bytes in it starts over once", async () => {
    await using server = await fileServer([serve(bytes)]);
    await using cache = await testCache();
    await writeFile(join(cache.folder, `${weights.file}.partial`), new Uint8Array(100));
    const path = await downloadWeightFile(weights, cache.options({ baseUrl: server.url }));
    expect(bytes.equals(await readFile(path))).toBe(true);
    expect(server.requests.map(({ range }) => range)).toEqual(["bytes=100-", undefined]);
  });

  it("starts over on a server that ignores Range (200)", async () => {
    await using cache = await testCache();
    await using server = await fileServer([drop(bytes, 60_000, cache.arrived), serveWhole(bytes)]);
    const path = await downloadWeightFile(weights, cache.options({ baseUrl: server.url }));
    expect(bytes.equals(await readFile(path))).toBe(true);
  });

  it("starts over when the file changes between attempts, whether the server heeds If-Range or not", async () => {
    const old = fakeWeights(bytes.length, 3);
    for (const heeds of [true, false]) {
      await using cache = await testCache();
      await using server = await fileServer([
        drop(old, 60_000, cache.arrived, '"a"'),
        heeds ? serve(bytes, '"b"') : drop(bytes, bytes.length, cache.arrived, '"b"'),
        serve(bytes, '"b"'),
      ]);
      const path = await downloadWeightFile(weights, cache.options({ baseUrl: server.url }));
      expect(bytes.equals(await readFile(path))).toBe(true);
      expect(server.requests.map(({ range }) => range).slice(0, 2)).toEqual([undefined, "bytes=60000-"]);
    }
  });

  it("is what truncated answers leave, until they end", async () => {
    await using cache = await testCache();
    await using server = await fileServer([drop(bytes, 30_000, cache.arrived)]);
    const options = cache.options({ baseUrl: server.url, timing: { retries: 10 } });
    await downloadWeightFile(weights, options);
    expect(server.requests).toHaveLength(7);
  });
});
