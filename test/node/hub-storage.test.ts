import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, symlink, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { cacheFolder } from "../../src/node/files/file-system.ts";
import { hubStorage, pretrainedWeights } from "../../src/node/files/hub-storage.ts";
import { downloadWeightFile } from "../../src/weights/hub/index.ts";
import { fileServer, serve, status } from "../support/file-server.ts";
import { describeWeights, fakeWeights, testCache } from "../support/hub-fixture.ts";

const bytes = Buffer.from(fakeWeights(300_000));
const weights = describeWeights(bytes);
const built = new URL("../../dist/", import.meta.url).href;

describe("two downloads of one file", () => {
  it("in one process: the second waits and takes the finished file", async () => {
    await using server = await fileServer([serve(bytes)]);
    await using cache = await testCache();
    const options = cache.options({ baseUrl: server.url });
    const paths = await Promise.all([
      downloadWeightFile(weights, options),
      downloadWeightFile(weights, options),
      downloadWeightFile(weights, options),
    ]);
    expect(new Set(paths).size).toBe(1);
    expect(server.requests).toHaveLength(1);
    expect(cache.events.filter(({ type }) => type === "waiting")).toHaveLength(2);
    expect(await readdir(cache.folder)).toEqual(["license-notice", weights.file]);
  });

  it("in three processes: one downloads, all get the same file", async () => {
    await using server = await fileServer([
      (request, response) => void setTimeout(() => serve(bytes)(request, response), 500),
    ]);
    await using cache = await testCache();
    const program = `
      import { downloadWeightFile } from ${JSON.stringify(`${built}weights/hub/index.js`)};
      import { hubStorage } from ${JSON.stringify(`${built}node/files/hub-storage.js`)};
      const options = { storage: hubStorage(${JSON.stringify(cache.folder)}), mirrorUrl: false };
      const path = await downloadWeightFile(${JSON.stringify(weights)}, { ...options, baseUrl: ${JSON.stringify(server.url)} });
      process.stdout.write(path);`;
    const runs = [1, 2, 3].map(() =>
      promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]),
    );
    const paths = (await Promise.all(runs)).map(({ stdout }) => stdout);
    expect(new Set(paths)).toEqual(new Set([join(cache.folder, weights.file)]));
    expect(bytes.equals(await readFile(paths[0]!))).toBe(true);
    expect(server.requests).toHaveLength(1);
  });

  it("goes on where a process that died left off", async () => {
    await using server = await fileServer([serve(bytes)]);
    await using cache = await testCache();
    const dead = spawn(process.execPath, ["--version"]);
    await new Promise((resolvePromise) => dead.on("close", resolvePromise));
    const owner = JSON.stringify({ pid: dead.pid, host: hostname(), id: "left behind" });
    await writeFile(join(cache.folder, `${weights.file}.lock`), owner);
    await writeFile(join(cache.folder, `${weights.file}.partial`), bytes.subarray(0, 1000));
    await downloadWeightFile(weights, cache.options({ baseUrl: server.url }));
    expect(server.requests.map(({ range }) => range)).toEqual(["bytes=1000-"]);
    expect(await readdir(cache.folder)).toEqual(["license-notice", weights.file]);
  });

  it("takes over a lock without a sign of life, whoever made it", async () => {
    await using cache = await testCache();
    const lock = join(cache.folder, "file.lock");
    await writeFile(lock, JSON.stringify({ pid: 1, host: "elsewhere", id: "silent" }));
    const longAgo = new Date(Date.now() - 120_000);
    await utimes(lock, longAgo, longAgo);
    const claimed = await cache.storage.claim("file", { signal: undefined, onWait: () => undefined });
    await claimed.release();
    expect(await readdir(cache.folder)).toEqual([]);
  });

  it("stops waiting when it is aborted", async () => {
    await using cache = await testCache();
    const held = await cache.storage.claim("file", { signal: undefined, onWait: () => undefined });
    const abort = new AbortController();
    const onWait = (): void => abort.abort(new Error("enough"));
    await expect(cache.storage.claim("file", { signal: abort.signal, onWait })).rejects.toThrow("enough");
    await held.release();
    expect(await readdir(cache.folder)).toEqual([]);
  });
});

describe("a cache that cannot be used", () => {
  it("because a file stands in its place", async () => {
    await using server = await fileServer([serve(bytes)]);
    await using cache = await testCache();
    await writeFile(join(cache.folder, "occupied"), "");
    const storage = hubStorage(join(cache.folder, "occupied"));
    const options = { ...cache.options({ baseUrl: server.url }), storage };
    const failure = downloadWeightFile(weights, options);
    await expect(failure).rejects.toMatchObject({ code: "weights/cache-unwritable" });
    await expect(failure).rejects.toThrow("SSL_RESNEXT_CACHE");
    expect(server.requests).toEqual([]);
  });

  // The rights of files do not bind root, and no other user may become one without a home.
  it.skipIf(process.getuid?.() !== 0)("because this user may not, or has no home", async () => {
    await using cache = await testCache();
    const [locked, readOnly] = ["locked", "read-only"].map((name) => join(cache.folder, name));
    await mkdir(locked!, { mode: 0o700 });
    await mkdir(readOnly!, { mode: 0o755 });
    await chmod(cache.folder, 0o755);
    const program = `
      import { hubStorage, pretrainedWeights } from ${JSON.stringify(`${built}node/files/hub-storage.js`)};
      import { listCachedWeights } from ${JSON.stringify(`${built}weights/hub/index.js`)};
      process.setuid(54321);
      const attempt = (work) => Promise.resolve().then(work).then(() => "done", ({ code, message }) => code + ": " + message);
      delete process.env.SSL_RESNEXT_CACHE;
      const home = (env) => attempt(() => {
        for (const name of ["HOME", "XDG_CACHE_HOME"]) delete process.env[name];
        Object.assign(process.env, env);
        return pretrainedWeights("ssl_resnet18", { baseUrl: "http://nowhere.invalid", mirrorUrl: false });
      });
      const results = [
        await attempt(() => listCachedWeights(hubStorage(${JSON.stringify(locked)}))),
        await attempt(() => hubStorage(${JSON.stringify(join(locked!, "below"))}).size("file")),
        await attempt(() => hubStorage(${JSON.stringify(readOnly)}).firstTime("note")),
        await home({ HOME: ${JSON.stringify(join(readOnly!, "nobody"))} }),
        await home({}),
      ];
      process.stdout.write(JSON.stringify(results));`;
    const flags = ["--input-type=module", "--eval", program];
    const { stdout } = await promisify(execFile)(process.execPath, flags);
    const results = JSON.parse(stdout) as string[];
    expect(results).toHaveLength(5);
    for (const result of results) {
      expect(result).toMatch(/^weights\/cache-unwritable: /);
      expect(result).toContain("SSL_RESNEXT_CACHE");
    }
    expect(results.at(-1)).toContain("HOME is not set");
  });

  // Linux has a device that is always full.
  it.skipIf(!existsSync("/dev/full"))("because the disk is full", async () => {
    await using server = await fileServer([serve(bytes)]);
    await using cache = await testCache();
    await symlink("/dev/full", join(cache.folder, `${weights.file}.partial`));
    const options = cache.options({ baseUrl: server.url, mirrorUrl: "http://127.0.0.1:9/" });
    await expect(downloadWeightFile(weights, options)).rejects.toMatchObject({ code: "weights/cache-full" });
    expect(await readdir(cache.folder)).toEqual(["license-notice"]);
  });
});

describe("the environment", () => {
  it("chooses the cache folder", () => {
    expect(cacheFolder({ SSL_RESNEXT_CACHE: "somewhere" })).toBe(resolve("somewhere"));
    expect(cacheFolder({ SSL_RESNEXT_CACHE: "" })).toContain("ssl-resnext");
  });

  it("chooses servers and offline mode; options win", async () => {
    await using server = await fileServer([status(404)]);
    await using cache = await testCache();
    const run = (env: NodeJS.ProcessEnv, options = {}): Promise<string> =>
      pretrainedWeights("ssl_resnet18", { storage: cache.storage, ...options }, env);
    const servers = {
      SSL_RESNEXT_HUB_URL: `${server.url}hub`,
      SSL_RESNEXT_MIRROR_URL: `${server.url}mirror`,
    };
    await expect(run(servers)).rejects.toMatchObject({ code: "weights/download-failed" });
    expect(server.requests.map(({ path }) => path.split("/")[1])).toEqual(["hub", "mirror", "mirror"]);

    const offline = { ...servers, SSL_RESNEXT_OFFLINE: "1" };
    await expect(run(offline)).rejects.toMatchObject({ code: "weights/offline" });
    await expect(run(offline, { offline: false, mirrorUrl: false })).rejects.toMatchObject({
      code: "weights/download-failed",
    });
  });
});
