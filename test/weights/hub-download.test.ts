import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { WeightsError } from "../../src/core/index.ts";
import { memoryStorage, readBytes } from "../../src/core/storage/index.ts";
import {
  downloadWeightFile,
  downloadWeights,
  hubStorage,
  listCachedWeights,
} from "../../src/weights/hub/index.ts";
import { fileServer, serve, stall, status } from "../support/file-server.ts";
import { describeWeights, fakeWeights, testCache } from "../support/hub-fixture.ts";

const bytes = Buffer.from(fakeWeights(200_000));
const weights = describeWeights(bytes);

describe("a download", () => {
  it("puts the verified file into the cache, and takes it from there the next time", async () => {
    await using server = await fileServer([serve(bytes)]);
    await using cache = await testCache();
    const path = await downloadWeightFile(weights, cache.options({ baseUrl: server.url }));
    expect(path).toBe(join(cache.folder, weights.file));
    expect(bytes.equals(await readFile(path))).toBe(true);
    expect([...new Set(cache.events.map(({ type }) => type))]).toEqual([
      "license",
      "start",
      "progress",
      "verified",
      "done",
    ]);
    expect(cache.events).toContainEqual(
      expect.objectContaining({ type: "progress", received: bytes.length, total: bytes.length }),
    );

    cache.events.length = 0;
    expect(await downloadWeightFile(weights, cache.options({ baseUrl: server.url }))).toBe(path);
    expect(cache.events).toEqual([{ type: "done", path, bytes: bytes.length, cached: true }]);
    expect(server.requests).toHaveLength(1);
    expect(await readdir(cache.folder)).toEqual(["license-notice", weights.file]);
  });

  it("goes into any storage", async () => {
    await using server = await fileServer([serve(bytes)]);
    await using cache = await testCache();
    const files = memoryStorage();
    const options = {
      ...cache.options({ baseUrl: server.url }),
      storage: hubStorage(files, "memory:cache/hub"),
    };
    const paths = await Promise.all([
      downloadWeightFile(weights, options),
      downloadWeightFile(weights, options),
    ]);
    expect(paths).toEqual(Array(2).fill(`memory:cache/hub/${weights.file}`));
    expect(bytes.equals(await readBytes(files, paths[0]))).toBe(true);
    expect(server.requests).toHaveLength(1);
    expect((await options.storage.list()).toSorted()).toEqual(["license-notice", weights.file]);
  });

  it("shows the licence once per cache, and only to a listener", async () => {
    await using server = await fileServer([status(404)]);
    await using cache = await testCache();
    const options = cache.options({ baseUrl: server.url });
    const silent = { ...options, onEvent: undefined };
    await expect(downloadWeightFile(weights, silent)).rejects.toThrow(WeightsError);
    for (let run = 0; run < 2; run++) {
      await expect(downloadWeightFile(weights, options)).rejects.toThrow(WeightsError);
    }
    expect(cache.events.filter(({ type }) => type === "license")).toHaveLength(1);
  });

  it("follows redirects", async () => {
    await using storage = await fileServer([serve(bytes)]);
    await using server = await fileServer([status(302, { location: `${storage.url}blob` })]);
    await using cache = await testCache();
    await downloadWeightFile(weights, cache.options({ baseUrl: `${server.url}files` }));
    expect(server.requests[0]?.path).toBe(`/files/${weights.file}`);
    expect(storage.requests[0]?.path).toBe("/blob");
  });

  it("works with the platform's default hash", async () => {
    await using server = await fileServer([serve(bytes)]);
    await using cache = await testCache();
    await downloadWeightFile(weights, cache.options({ baseUrl: server.url, createHash: undefined }));
    expect(cache.events).toContainEqual(expect.objectContaining({ type: "verified" }));
  });
});

describe("retries", () => {
  it.each([408, 429, 500, 503])("come after status %i", async (code) => {
    await using server = await fileServer([status(code), status(code), serve(bytes)]);
    await using cache = await testCache();
    await downloadWeightFile(weights, cache.options({ baseUrl: server.url }));
    expect(cache.events.flatMap((event) => (event.type === "retry" ? [event.attempt] : []))).toEqual([1, 2]);
  });

  it.each([400, 401, 403, 404, 410])("do not come after status %i", async (code) => {
    await using server = await fileServer([status(code)]);
    await using cache = await testCache();
    const failure = downloadWeightFile(weights, cache.options({ baseUrl: server.url }));
    await expect(failure).rejects.toMatchObject({
      code: "weights/download-failed",
      message: expect.stringContaining(String(code)) as string,
    });
    expect(server.requests).toHaveLength(1);
  });

  it("end after a number of failures in a row", async () => {
    await using server = await fileServer([status(500)]);
    await using cache = await testCache();
    const options = cache.options({ baseUrl: server.url, timing: { retries: 2 } });
    await expect(downloadWeightFile(weights, options)).rejects.toThrow(WeightsError);
    expect(server.requests).toHaveLength(3);
  });

  it("wait as long as Retry-After asks, and give up when it asks too much", async () => {
    await using server = await fileServer([status(503, { "retry-after": "1" }), serve(bytes)]);
    await using cache = await testCache();
    await downloadWeightFile(weights, cache.options({ baseUrl: server.url }));
    expect(cache.events).toContainEqual(expect.objectContaining({ type: "retry", delay: 1000 }));

    await using busy = await fileServer([status(429, { "retry-after": "3600" })]);
    await using other = await testCache();
    await expect(downloadWeightFile(weights, other.options({ baseUrl: busy.url }))).rejects.toThrow("429");
    expect(busy.requests).toHaveLength(1);
  });

  it("come when nothing listens, with the reason in the message", async () => {
    const server = await fileServer([status(200)]);
    await server[Symbol.asyncDispose]();
    await using cache = await testCache();
    const options = cache.options({ baseUrl: server.url, timing: { retries: 1 } });
    await expect(downloadWeightFile(weights, options)).rejects.toThrow("ECONNREFUSED");
    expect(cache.events.filter(({ type }) => type === "retry")).toHaveLength(1);
  });
});

describe("wrong bytes", () => {
  it("are removed and named", async () => {
    const other = fakeWeights(bytes.length, 2);
    await using server = await fileServer([serve(other)]);
    await using cache = await testCache();
    await expect(downloadWeightFile(weights, cache.options({ baseUrl: server.url }))).rejects.toMatchObject({
      code: "weights/checksum-mismatch",
    });
    expect(server.requests).toHaveLength(1);
    expect(await readdir(cache.folder)).toEqual(["license-notice"]);
  });

  it("of another length are refused before they are downloaded", async () => {
    await using server = await fileServer([stall(fakeWeights(1000), 10)]);
    await using cache = await testCache();
    await expect(downloadWeightFile(weights, cache.options({ baseUrl: server.url }))).rejects.toMatchObject({
      code: "weights/size-mismatch",
    });
  });

  it("without a declared length end at the published one", async () => {
    await using server = await fileServer([
      (_request, response) => {
        response.writeHead(200);
        response.write(bytes);
        response.write("more");
      },
    ]);
    await using cache = await testCache();
    await expect(downloadWeightFile(weights, cache.options({ baseUrl: server.url }))).rejects.toMatchObject({
      code: "weights/size-mismatch",
    });
  });

  it("put into the cache by hand are refused when their length is wrong", async () => {
    await using cache = await testCache();
    await writeFile(join(cache.folder, weights.file), "not the file");
    await expect(downloadWeightFile(weights, cache.options({ offline: true }))).rejects.toMatchObject({
      code: "weights/size-mismatch",
    });
  });
});

describe("ends", () => {
  it("on abort, in mid-body and during the back-off, and keeps what arrived", async () => {
    await using server = await fileServer([stall(bytes, 50_000)]);
    await using cache = await testCache();
    const abort = new AbortController();
    const onEvent = (event: { type: string }): void => {
      if (event.type === "progress") abort.abort(new Error("enough"));
    };
    const options = { ...cache.options({ baseUrl: server.url }), onEvent, signal: abort.signal };
    const timing = { ...options.timing, progressInterval: 0 };
    await expect(downloadWeightFile(weights, { ...options, timing })).rejects.toThrow("enough");
    expect(await readdir(cache.folder)).toContain(`${weights.file}.partial`);

    await using failing = await fileServer([status(500)]);
    const second = new AbortController();
    const slow = cache.options({
      baseUrl: failing.url,
      signal: second.signal,
      timing: { firstDelay: 60_000, longestDelay: 60_000 },
      onEvent: (event) => void (event.type === "retry" && second.abort(new Error("enough"))),
    });
    await expect(downloadWeightFile(weights, slow)).rejects.toThrow("enough");
  });

  it("when it is offline, saying which file to put where", async () => {
    await using cache = await testCache();
    const options = cache.options({ offline: true, mirrorUrl: undefined });
    const failure = downloadWeights("ssl_resnext50_32x4d", options);
    await expect(failure).rejects.toMatchObject({ code: "weights/offline" });
    await expect(failure).rejects.toThrow(
      `${join(cache.folder, "semi_supervised_resnext50_32x4-ddb3e555.pth")} (from https://`,
    );
    await expect(failure).rejects.toThrow("resnext50_32x4d.fb_ssl_yfcc100m_ft_in1k.safetensors");
  });

  it("when the name or the URL is wrong", async () => {
    await using cache = await testCache();
    await expect(downloadWeights("resnext50", cache.options({}))).rejects.toMatchObject({
      code: "model/no-published-weights",
    });
    const options = cache.options({ baseUrl: "ftp://example.org" });
    await expect(downloadWeightFile(weights, options)).rejects.toMatchObject({ code: "usage/hub-url" });
  });
});

describe("listCachedWeights", () => {
  it("names what stands in the cache", async () => {
    await using cache = await testCache();
    expect(await listCachedWeights(cache.storage)).toEqual([]);
    await writeFile(join(cache.folder, "semi_supervised_resnet18-d92f0530.pth"), "12345");
    await writeFile(join(cache.folder, "resnet18.fb_swsl_ig1b_ft_in1k.safetensors"), "123");
    await writeFile(join(cache.folder, "semi_supervised_resnet50-08389792.pth.partial"), "1");
    const cached = await listCachedWeights(cache.storage);
    expect(cached.map(({ name, bytes: length }) => [name, length])).toEqual([
      ["ssl_resnet18", 5],
      ["swsl_resnet18", 3],
    ]);
  });
});
