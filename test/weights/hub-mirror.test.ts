import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { downloadWeightFile } from "../../src/weights/hub/index.ts";
import { drop, fileServer, serve, status } from "../support/file-server.ts";
import { describeWeights, fakeSafetensors, fakeWeights, testCache } from "../support/hub-fixture.ts";

const weights = describeWeights(fakeWeights(1000));
const safetensors = Buffer.from(fakeSafetensors(100_000));
const sha256 = createHash("sha256").update(safetensors).digest("hex");

/** The redirect by which Hugging Face answers for a large file. */
const linked = (etag: string) => status(302, { location: "/blob", "x-linked-etag": `"${etag}"` });

describe("the mirror", () => {
  it("takes over when the original is not there", async () => {
    await using server = await fileServer([status(404)]);
    await using mirror = await fileServer([serve(safetensors)], linked(sha256));
    await using cache = await testCache();
    const options = cache.options({ baseUrl: server.url, mirrorUrl: mirror.url });
    const path = await downloadWeightFile(weights, options);
    expect(path).toBe(join(cache.folder, `${weights.timmTag}.safetensors`));
    expect(safetensors.equals(await readFile(path))).toBe(true);
    expect(mirror.requests.map(({ method, path: asked }) => [method, asked])).toEqual([
      ["HEAD", `/${weights.timmTag}/resolve/main/model.safetensors`],
      ["GET", `/${weights.timmTag}/resolve/main/model.safetensors`],
    ]);
    expect(cache.events).toContainEqual(
      expect.objectContaining({ type: "fallback", from: `${server.url}${weights.file}` }),
    );

    await downloadWeightFile(weights, cache.options({ offline: true, mirrorUrl: mirror.url }));
    expect(cache.events.at(-1)).toMatchObject({ type: "done", path, cached: true });
  });

  it("must hold the file whose SHA-256 it names", async () => {
    await using server = await fileServer([status(404)]);
    await using mirror = await fileServer([serve(safetensors)], linked("0".repeat(64)));
    await using cache = await testCache();
    const options = cache.options({ baseUrl: server.url, mirrorUrl: mirror.url });
    await expect(downloadWeightFile(weights, options)).rejects.toMatchObject({
      code: "weights/checksum-mismatch",
    });
  });

  it.each([
    ["a web page", new TextEncoder().encode("<!doctype html><title>Log in</title>")],
    ["a truncated file", safetensors.subarray(0, 50_000)],
    ["nothing", new Uint8Array()],
  ])("without a checksum, %s is refused by its header", async (_what, bytes) => {
    await using server = await fileServer([status(404)]);
    await using mirror = await fileServer([serve(bytes)]);
    await using cache = await testCache();
    const options = cache.options({ baseUrl: server.url, mirrorUrl: mirror.url });
    await expect(downloadWeightFile(weights, options)).rejects.toMatchObject({
      code: "weights/not-safetensors",
    });
  });

  it("without validator or checksum is not resumed but asked for the whole again", async () => {
    await using cache = await testCache();
    await using server = await fileServer([status(404)]);
    await using mirror = await fileServer([drop(safetensors, 1000, cache.arrived), serve(safetensors)]);
    await downloadWeightFile(weights, cache.options({ baseUrl: server.url, mirrorUrl: mirror.url }));
    expect(mirror.requests.map(({ range }) => range)).toEqual([undefined, undefined, undefined]);
  });

  it("is resumed under If-Range", async () => {
    await using cache = await testCache();
    await using server = await fileServer([status(404)]);
    await using mirror = await fileServer([
      drop(safetensors, 1000, cache.arrived, '"a"'),
      serve(safetensors, '"a"'),
    ]);
    await downloadWeightFile(weights, cache.options({ baseUrl: server.url, mirrorUrl: mirror.url }));
    expect(mirror.requests.map(({ range }) => range)).toEqual([undefined, undefined, "bytes=1000-"]);
  });

  it("is no way around a wrong checksum of the original", async () => {
    await using server = await fileServer([serve(fakeWeights(1000, 2))]);
    await using mirror = await fileServer([serve(safetensors)]);
    await using cache = await testCache();
    const options = cache.options({ baseUrl: server.url, mirrorUrl: mirror.url });
    await expect(downloadWeightFile(weights, options)).rejects.toMatchObject({
      code: "weights/checksum-mismatch",
    });
    expect(mirror.requests).toEqual([]);
  });

  it("and the original together failing name both reasons", async () => {
    await using server = await fileServer([status(404)]);
    await using mirror = await fileServer([status(403)]);
    await using cache = await testCache();
    const options = cache.options({ baseUrl: server.url, mirrorUrl: mirror.url });
    await expect(downloadWeightFile(weights, options)).rejects.toThrow(/404[\s\S]*403[\s\S]*put it at/);
  });
});
