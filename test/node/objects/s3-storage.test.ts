import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, stat, writeFile } from "node:fs/promises";
import { createServer, request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { readBytes, readText, writeBytes, writeText, type Storage } from "../../../src/core/storage/index.ts";
import { listKeys } from "../../../src/node/objects/s3-listing.ts";
import { s3Source } from "../../../src/node/objects/s3-source.ts";
import { s3Storage } from "../../../src/node/objects/s3-storage.ts";
import { openSpool } from "../../../src/node/objects/spool.ts";
import { openImages } from "../../../src/data/index.ts";
import { nodePlatform } from "../../../src/node/platform.ts";
import { storageSuite } from "../../contract/storage.ts";
import { collect } from "../../data/collect.ts";
import { chaosProxy } from "../../support/chaos-proxy.ts";
import {
  createBucket,
  objectStoreMissing,
  signedFetch,
  startObjectStore,
  storeEnvironment,
  type ObjectStore,
} from "../../../bench/fixtures/object-store.ts";
import { sha256 } from "../../support/sha256.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const missing = objectStoreMissing();
const MB = 2 ** 20;

/** Bytes that no two places of have in common. */
function someBytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(length / 4);
  let state = seed;
  for (let i = 0; i < words.length; i++) words[i] = state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return new Uint8Array(words.buffer);
}

describe.skipIf(missing !== undefined)(`an object store (${missing ?? "Ceph"})`, () => {
  let store: ObjectStore;
  let storage: Storage;
  const spoolFolder = temporaryFolder();
  const spool = openSpool({ folder: spoolFolder, limit: 60 * MB });
  beforeAll(async () => {
    store = await startObjectStore();
    await createBucket(store, "bucket");
    storage = s3Storage({ env: store.env, spool });
  });
  afterAll(() => store.stop());

  let folders = 0;
  storageSuite(
    "s3",
    async () => {
      const root = `s3://bucket/folder ${folders++}`;
      await storage.makeFolder(root);
      return { storage, root, close: () => storage.remove(root) };
    },
    { keepsOpenFiles: false, needsFolders: false },
  );

  it("takes keys as they are", async () => {
    const keys = ["a b+c.txt", "ü/日本.txt", "q?x#y.txt", "p%20x.txt", "b'(1)!*.txt", "eq=&;.txt"];
    for (const key of keys) await writeText(storage, `s3://bucket/keys/${key}`, key);
    for (const key of keys)
      expect(new TextDecoder().decode(await readBytes(storage, `s3://bucket/keys/${key}`))).toBe(key);
    const names = (await collect(storage.list("s3://bucket/keys"))).map(({ name }) => name);
    expect(names.sort()).toEqual([...new Set(keys.map((key) => key.split("/")[0]!))].sort());
    await storage.move("s3://bucket/keys/a b+c.txt", "s3://bucket/keys/ü/+ %.txt");
    expect(new TextDecoder().decode(await readBytes(storage, "s3://bucket/keys/ü/+ %.txt"))).toBe(
      "a b+c.txt",
    );
  });

  it("finds the bucket in the name of the host", async () => {
    // No resolver knows the name of a bucket's host here; a proxy needs none.
    const proxy = createServer((asked, answer) => {
      const { pathname, search } = new URL(asked.url!);
      const { method, headers } = asked;
      expect(headers.host).toBe(`bucket.localhost:${store.port}`);
      const onward = request({ port: store.port, method, path: pathname + search, headers }, (response) => {
        answer.writeHead(response.statusCode!, response.headers);
        response.pipe(answer);
      });
      asked.pipe(onward);
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const virtual = s3Storage({
      env: {
        ...storeEnvironment(`http://localhost:${store.port}`),
        AWS_S3_ADDRESSING_STYLE: "virtual",
        HTTP_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      },
      spool,
    });
    await writeText(virtual, "s3://bucket/host/a b.txt", "by its host");
    expect(new TextDecoder().decode(await readBytes(virtual, "s3://bucket/host/a b.txt"))).toBe(
      "by its host",
    );
    expect(await collect(virtual.list("s3://bucket/host"))).toEqual([{ name: "a b.txt", kind: "file" }]);
    expect(await readText(storage, "s3://bucket/host/a b.txt")).toBe("by its host");
    proxy.closeAllConnections();
    proxy.close();
  });

  it("lists more names than a page holds", async () => {
    const names = Array.from({ length: 5 }, (_, i) => `many/${i} & more`);
    for (const name of names) await writeText(storage, `s3://bucket/${name}`, "");
    const source = s3Source({ env: store.env });
    const pages = await collect(listKeys(source, "s3://bucket", "many/", { page: 2 }));
    expect(pages.map(({ keys }) => keys.length)).toEqual([2, 2, 1]);
    expect(pages.flatMap(({ keys }) => keys)).toEqual(names);
    await storage.remove("s3://bucket/many");
    expect(await storage.stat("s3://bucket/many")).toBe(undefined);
  });

  it("writes large objects in parts, and leaves none of one that is given up", async () => {
    const bytes = someBytes(37 * MB);
    const chunks = Array.from({ length: 37 }, (_, i) => bytes.subarray(i * MB, (i + 1) * MB));
    const uri = "s3://bucket/large.bin";
    await writeBytes(storage, uri, chunks);
    expect(sha256(await readBytes(storage, uri))).toBe(sha256(bytes));
    const file = await storage.create(uri);
    for (const chunk of chunks.slice(0, 20)) await file.write(chunk);
    await file.abort();
    expect((await storage.stat(uri))!.size).toBe(37 * MB);
    // The first of the two answered with its parts: an upload that is under way would be listed.
    const answer = await signedFetch(store, "/bucket?uploads");
    expect(answer).not.toContain("<Upload>");
  });

  it("lets one of many writers have a lock", async () => {
    let inside = 0;
    let most = 0;
    const take = async (): Promise<void> => {
      const unlock = await s3Storage({ env: store.env, spool }).lock("s3://bucket/one.lock");
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 5));
      inside--;
      await unlock();
    };
    await Promise.all(Array.from({ length: 6 }, take));
    expect(most).toBe(1);
  });

  it("leaves the lock of another machine of this one's name", async () => {
    const { pid } = spawnSync(process.execPath, ["--version"]);
    const statement = JSON.stringify({ pid, host: hostname(), boot: "another" });
    await writeText(storage, "s3://bucket/other.lock", statement);
    const signal = AbortSignal.timeout(1500);
    await expect(storage.lock("s3://bucket/other.lock", { signal })).rejects.toMatchObject({
      name: "TimeoutError",
    });
    expect(await readText(storage, "s3://bucket/other.lock")).toBe(statement);
  });

  it("takes over the lock of a process that is no more, once", async () => {
    const { pid } = spawnSync(process.execPath, ["--version"]);
    await writeText(storage, "s3://bucket/left.lock", JSON.stringify({ pid, host: hostname() }));
    let inside = 0;
    const take = async (): Promise<void> => {
      const unlock = await storage.lock("s3://bucket/left.lock");
      expect(++inside).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 20));
      inside--;
      await unlock();
    };
    await Promise.all(Array.from({ length: 24 }, take));
    expect(await storage.stat("s3://bucket/left.lock")).toBe(undefined);
  });

  it("lets nobody take over a lock that another one has taken over meanwhile", async () => {
    const { pid } = spawnSync(process.execPath, ["--version"]);
    const uri = "s3://bucket/late.lock";
    await writeText(storage, uri, JSON.stringify({ pid, host: hostname() }));
    // Whoever goes by the proxy sees that the lock was left behind, and is held up before it does anything about it.
    let arrived = (): void => undefined;
    const isHeldUp = new Promise<void>((resolve) => (arrived = resolve));
    let goOn = (): void => undefined;
    const released = new Promise<void>((resolve) => (goOn = resolve));
    let writes = 0;
    await using proxy = await httpProxy(store.port, async ({ method }) => {
      // The first one only finds that a lock stands.
      if (method === "GET" || writes++ === 0) return;
      arrived();
      await released;
    });
    const late = s3Storage({ env: storeEnvironment(proxy.url), spool });
    let isOurs = false;
    const waiting = late.lock(uri).then((unlock) => {
      expect(isOurs).toBe(false);
      return unlock();
    });
    await isHeldUp;
    const unlock = await storage.lock(uri);
    isOurs = true;
    const ours = await readText(storage, uri);
    goOn();
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(await readText(storage, uri)).toBe(ours);
    isOurs = false;
    await unlock();
    await waiting;
    expect(await storage.stat(uri)).toBe(undefined);
  });

  it("reads the same through cuts, standstills and 503", { timeout: 90_000 }, async () => {
    const bytes = someBytes(200 * MB, 3);
    const uri = "s3://bucket/chaos.tar";
    await writeBytes(storage, uri, [bytes.subarray(0, 100 * MB), bytes.subarray(100 * MB)]);
    await using proxy = await chaosProxy(store.port, 0.12, 30e6);
    const folder = temporaryFolder();
    const through = s3Storage({
      env: storeEnvironment(proxy.url),
      spool: openSpool({ folder, limit: 300 * MB }),
      stallAfter: 500,
    });
    await using file = await through.open(uri, { whole: true });
    const hash = createHash("sha256");
    for (let at = 0; at < file.size; at += MB) hash.update(await file.read(at, MB));
    expect(hash.digest("hex")).toBe(sha256(bytes));
    expect(proxy.harmed()).toBeGreaterThan(10);
    // The same without the disk, from beginning to end.
    const direct = createHash("sha256");
    const unspooled = s3Storage({
      env: storeEnvironment(proxy.url),
      spool: openSpool({ folder, limit: 1 }),
      stallAfter: 500,
    });
    for await (const chunk of unspooled.stream(uri)) direct.update(chunk);
    expect(direct.digest("hex")).toBe(sha256(bytes));
    const written = someBytes(40 * MB, 5);
    await writeBytes(through, "s3://bucket/written", [
      written.subarray(0, 20 * MB),
      written.subarray(20 * MB),
    ]);
    expect(sha256(await readBytes(storage, "s3://bucket/written"))).toBe(sha256(written));
    await storage.remove(uri);
  });

  it("keeps the spool within its bound, and fetches again what had to go", async () => {
    const uris = Array.from({ length: 5 }, (_, i) => `s3://bucket/spooled/${i}.tar`);
    for (const [i, uri] of uris.entries()) await writeBytes(storage, uri, [someBytes(20 * MB, i + 10)]);
    let most = 0;
    const opened = [];
    for (const uri of uris) {
      opened.push(await storage.open(uri, { whole: true }));
      most = Math.max(most, await bytesIn(spoolFolder));
    }
    expect(most).toBeLessThanOrEqual(60 * MB);
    for (const [i, file] of opened.entries()) {
      expect(sha256(await file.read(0, 20 * MB))).toBe(sha256(someBytes(20 * MB, i + 10)));
      await file.close();
    }
    expect(await bytesIn(spoolFolder)).toBeLessThanOrEqual(60 * MB);
  });

  it("fetches ahead what there is room for, and takes nothing away that is read", async () => {
    const uris = Array.from({ length: 4 }, (_, i) => `s3://bucket/ahead/${i}.tar`);
    for (const [i, uri] of uris.entries()) await writeBytes(storage, uri, [someBytes(20 * MB, i + 20)]);
    const folder = temporaryFolder();
    const own = s3Storage({ env: store.env, spool: openSpool({ folder, limit: 60 * MB }) });
    await using file = await own.open(uris[0]!, { whole: true });
    for (const uri of uris.slice(1)) own.prepare!(uri);
    await vi.waitFor(async () => expect(await bytesIn(folder)).toBe(60 * MB), { timeout: 20_000 });
    // The third finds no room, and says nothing.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await readdir(folder)).filter((name) => !name.includes("."))).toHaveLength(3);
    expect(sha256(await file.read(0, 20 * MB))).toBe(sha256(someBytes(20 * MB, 20)));
  });

  it("notices an object that is replaced while it is read", async () => {
    const uri = "s3://bucket/replaced.tar";
    await writeBytes(storage, uri, [someBytes(20 * MB, 1)]);
    const stream = storage.stream(uri)[Symbol.asyncIterator]();
    const slow = s3Storage({ env: store.env, spool: openSpool({ folder: spoolFolder, limit: 1 }) });
    await using file = await slow.open(uri);
    await writeBytes(storage, uri, [someBytes(20 * MB, 2)]);
    await expect(file.read(0, 10)).rejects.toMatchObject({
      code: "data/unreadable",
      message: expect.stringContaining("replaced while it was read") as string,
    });
    await stream.return?.();
  });

  it("says what a store refuses, and what to do", async () => {
    await writeText(storage, "s3://bucket/a.txt", "x");
    const asked = (env: Readonly<Record<string, string>>, uri = "s3://bucket/a.txt"): Promise<unknown> =>
      s3Storage({ env: { ...store.env, ...env }, spool }).open(uri);
    const refused = async (work: Promise<unknown>, code: string, message: RegExp): Promise<void> =>
      expect(work).rejects.toMatchObject({
        name: "DataError",
        code,
        message: expect.stringMatching(message),
      });
    vi.stubEnv("AWS_EC2_METADATA_DISABLED", "true");
    const noKeys = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" };
    await refused(asked(noKeys), "data/credentials", /Set AWS_ACCESS_KEY_ID/);
    await refused(
      asked({ AWS_ACCESS_KEY_ID: "" }),
      "data/credentials",
      /^AWS_ACCESS_KEY_ID: expected it beside AWS_SECRET_ACCESS_KEY/,
    );
    await refused(
      asked({ ...noKeys, AWS_PROFILE: "work" }),
      "data/credentials",
      /received "work"; there are none/,
    );
    await refused(
      asked({ AWS_SECRET_ACCESS_KEY: "no" }),
      "data/credentials",
      /403 SignatureDoesNotMatch.*Check AWS_/,
    );
    await refused(asked({ AWS_ACCESS_KEY_ID: "no" }), "data/credentials", /403 InvalidAccessKeyId/);
    await refused(asked({ AWS_NO_SIGN_REQUEST: "1" }), "data/permission", /403 AccessDenied.*s3:GetObject/);
    await refused(asked({}, "s3://bucket/b.txt"), "data/not-found", /b\.txt: no such file/);
    await refused(asked({}, "s3://nowhere/b.txt"), "data/no-bucket", /there is no bucket "nowhere"/);
    await refused(asked({}, "s3://bucket/a/../b.txt"), "data/not-found", /no URL can say/);
    await refused(asked({}, "s3:///b.txt"), "data/not-found", /expected s3:\/\/bucket\/key/);
    await refused(
      asked({ AWS_ENDPOINT_URL: "minio:9000" }),
      "data/credentials",
      /expected the URL of an object store/,
    );
    vi.useFakeTimers({ toFake: ["Date"], now: new Date("2020-01-01") });
    await refused(asked({}), "data/clock", /2020-01-01.*Set the clock/).finally(() => vi.useRealTimers());
  });

  it("gives what a role may have, which the AWS SDK takes on", async () => {
    await writeText(storage, "s3://bucket/role.txt", "for the role");
    const config = join(spoolFolder, "config");
    await writeFile(
      config,
      `[profile role]
aws_access_key_id = of
aws_secret_access_key = nobody
role_arn = ${await store.createRole("reader")}
source_profile = owner
[profile stranger]
role_arn = arn:aws:iam:::role/nobody
source_profile = owner
[profile owner]
aws_access_key_id = ${store.env["AWS_ACCESS_KEY_ID"]!}
aws_secret_access_key = ${store.env["AWS_SECRET_ACCESS_KEY"]!}
`,
    );
    // The SDK reads the variables of the process.
    const variables = { ...store.env, AWS_ENDPOINT_URL_STS: store.endpoint, AWS_CONFIG_FILE: config };
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) vi.stubEnv(name, undefined);
    const as = (profile: string): Storage => {
      vi.stubEnv("AWS_PROFILE", profile);
      return s3Storage({ spool });
    };
    try {
      expect(await readText(as("role"), "s3://bucket/role.txt")).toBe("for the role");
      await expect(readText(as("stranger"), "s3://bucket/role.txt")).rejects.toMatchObject({
        code: "data/credentials",
        message: expect.stringMatching(/role_arn of the profile "stranger".*The AWS SDK says: /) as string,
      });
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it("says of a pattern that its bucket is not there, and of one that fits nothing so too", async () => {
    const opened = (input: string): Promise<unknown> =>
      openImages({ ...nodePlatform, storageFor: () => storage }, [input]);
    for (const pattern of ["shards/*.tar", "*/a.tar", "**", "{0..2}/*.jpg"])
      await expect(opened(`s3://nowhere/${pattern}`)).rejects.toMatchObject({
        name: "DataError",
        code: "data/no-bucket",
        message: expect.stringContaining('there is no bucket "nowhere"') as string,
      });
    await expect(opened("s3://bucket/nothing/*.tar")).rejects.toMatchObject({ code: "data/no-match" });
    await expect(storage.lock("s3://nowhere/run.lock")).rejects.toMatchObject({ code: "data/no-bucket" });
  });

  it("says so when the bucket is gone in the middle of it", async () => {
    await createBucket(store, "short-lived");
    await writeBytes(storage, "s3://short-lived/a.bin", [someBytes(MB)]);
    await using file = await storage.open("s3://short-lived/a.bin");
    expect((await file.read(0, 10)).byteLength).toBe(10);
    await storage.remove("s3://short-lived/a.bin");
    await signedFetch(store, "/short-lived", "DELETE");
    const gone = {
      code: "data/no-bucket",
      message: expect.stringContaining('no bucket "short-lived"') as string,
    };
    await expect(file.read(0, 10)).rejects.toMatchObject(gone);
    await expect(writeText(storage, "s3://short-lived/b.txt", "x")).rejects.toMatchObject(gone);
  });
});

/** Hands on requests to a port of the loopback interface, each after a wait. */
async function httpProxy(
  port: number,
  wait: (asked: IncomingMessage) => Promise<void>,
): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((asked, answer) => {
    const handOn = async (): Promise<void> => {
      await wait(asked);
      const { method, url, headers } = asked;
      const onward = request({ host: "127.0.0.1", port, method, path: url, headers }, (response) => {
        answer.writeHead(response.statusCode!, response.headers);
        response.pipe(answer);
      });
      onward.on("error", () => answer.destroy());
      asked.pipe(onward);
    };
    void handOn();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("a store in another region", () => {
  // Ceph takes any region: these are the answers that Amazon documents.
  it.each([
    ["301 with a header", 301, { "x-amz-bucket-region": "eu-west-1" }, ""],
    [
      "400 in words",
      400,
      {},
      "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>",
    ],
  ])("is named by %s", async (_, status, headers, body) => {
    const server = createServer((_request, response) => response.writeHead(status, headers).end(body));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const env = storeEnvironment(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await expect(s3Storage({ env }).stat("s3://bucket/a")).rejects.toMatchObject({
      code: "data/region",
      message: 's3://bucket/a: the bucket "bucket" is in the region eu-west-1. Set AWS_REGION=eu-west-1.',
    });
    server.close();
  });
});

async function bytesIn(folder: string): Promise<number> {
  const sizes = (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
