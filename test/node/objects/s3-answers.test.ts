import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { readText, writeBytes, writeText, type Storage } from "../../../src/core/storage/index.ts";
import { matchingFiles } from "../../../src/data/sources/wildcards.ts";
import { openImages } from "../../../src/data/index.ts";
import { nodePlatform } from "../../../src/node/platform.ts";
import { s3Storage } from "../../../src/node/objects/s3-storage.ts";
import { openSpool } from "../../../src/node/objects/spool.ts";
import { collect } from "../../data/collect.ts";
import { storeEnvironment } from "../../../bench/fixtures/object-store.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const MB = 2 ** 20;
const md5 = (...bytes: readonly (Uint8Array | string)[]): string =>
  bytes.reduce((hash, some) => hash.update(some), createHash("md5")).digest("hex");
const refusedInWords = "<Error><Code>InternalError</Code><Message>Try again.</Message></Error>";

/** What a store answers in place of what it would; undefined for what it would. */
type Fault = (request: IncomingMessage) => number | { status: number; body: string } | undefined;

/** Objects in memory, behind as much of S3 as is used here: answers that Amazon documents and that Ceph cannot be made to give. */
class SmallStore {
  readonly objects = new Map<string, { bytes: Buffer; etag: string }>();
  readonly asked: string[] = [];
  readonly #parts: { bytes: Buffer; etag: string }[] = [];
  readonly #server: Server;
  fault: Fault = () => undefined;
  /** Milliseconds before an answer. */
  pause = 0;

  constructor() {
    this.#server = createServer((request, response) => void this.#take(request, response));
  }

  async open(stallAfter = 15_000): Promise<Storage> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const env = storeEnvironment(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
    return s3Storage({ env, stallAfter, spool: openSpool({ folder: temporaryFolder(), limit: 1 }) });
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const { method } = request;
    const { pathname, searchParams: query } = new URL(request.url!, "http://store");
    const key = decodeURIComponent(pathname).replace(/^\/bucket\/?/, "");
    this.asked.push(`${method} ${key}`);
    await delay(this.pause);
    const fault = this.fault(request);
    if (fault !== undefined) {
      const { status, body: words } = typeof fault === "number" ? { status: fault, body: "" } : fault;
      response.writeHead(status).end(words);
      return;
    }
    const put = (bytes: Buffer, etag = `"${md5(bytes)}"`): void =>
      void this.objects.set(key, { bytes, etag });
    const copied = request.headers["x-amz-copy-source"]?.toString().replace("/bucket/", "");
    if (query.has("uploads")) response.end("<UploadId>1</UploadId>");
    else if (method === "PUT" && query.has("uploadId")) {
      const etag = `"${md5(body)}"`;
      this.#parts[Number(query.get("partNumber")) - 1] = { bytes: body, etag };
      response.writeHead(200, { etag }).end();
    } else if (method === "POST") {
      this.joinParts(key);
      response.end("<CompleteMultipartUploadResult/>");
    } else if (method === "PUT") {
      put(copied === undefined ? body : this.objects.get(copied)!.bytes);
      response.end();
    } else if (method === "DELETE") {
      if (!query.has("uploadId")) this.objects.delete(key);
      response.writeHead(204).end();
    } else if (query.has("list-type")) {
      response.end(this.#listing(query.get("prefix")!));
    } else {
      const found = this.objects.get(key);
      const head = found && { etag: found.etag, "content-length": found.bytes.length };
      response.writeHead(found ? 200 : 404, head).end(method === "HEAD" ? undefined : found?.bytes);
    }
  }

  joinParts(key: string): void {
    const parts = this.#parts.splice(0);
    const sums = parts.map(({ etag }) => Buffer.from(etag.slice(1, -1), "hex"));
    const bytes = Buffer.concat(parts.map((part) => part.bytes));
    this.objects.set(key, { bytes, etag: `"${md5(...sums)}-${parts.length}"` });
  }

  #listing(prefix: string): string {
    const entries = new Set<string>();
    for (const key of this.objects.keys()) {
      if (!key.startsWith(prefix)) continue;
      const slash = key.indexOf("/", prefix.length);
      const name = encodeURIComponent(slash < 0 ? key : key.slice(0, slash + 1));
      entries.add(
        slash < 0
          ? `<Contents><Key>${name}</Key></Contents>`
          : `<CommonPrefixes><Prefix>${name}</Prefix></CommonPrefixes>`,
      );
    }
    return [...entries].join("");
  }
}

/** A fault for the first requests of a kind. */
function first(times: number, is: (request: IncomingMessage) => boolean, answer: ReturnType<Fault>): Fault {
  let left = times;
  return (request) => (is(request) && left-- > 0 ? answer : undefined);
}

describe("answers that a store gives seldom", () => {
  let store: SmallStore;
  const opened = async (stallAfter?: number): Promise<Storage> => (store = new SmallStore()).open(stallAfter);
  afterEach(() => store.close());

  it("moves nothing away that was not copied, though the status was 200", async () => {
    const storage = await opened();
    await writeText(storage, "s3://bucket/a", "kept");
    store.fault = first(2, ({ headers }) => "x-amz-copy-source" in headers, {
      status: 200,
      body: refusedInWords,
    });
    await storage.move("s3://bucket/a", "s3://bucket/b");
    expect(await readText(storage, "s3://bucket/b")).toBe("kept");
    const copies = store.asked.filter((line) => line === "PUT b");
    expect(copies).toHaveLength(3);
    expect(store.asked.indexOf("DELETE a")).toBeGreaterThan(store.asked.lastIndexOf("PUT b"));
  });

  it("joins parts again when a store says in words that it could not", async () => {
    const storage = await opened();
    const joins = ({ method, url }: IncomingMessage): boolean =>
      method === "POST" && url!.includes("uploadId");
    store.fault = first(1, joins, { status: 200, body: refusedInWords });
    const bytes = new Uint8Array(20 * MB).fill(7);
    await writeBytes(storage, "s3://bucket/large", [bytes]);
    expect(store.objects.get("large")!.bytes.equals(bytes)).toBe(true);
    // One chunk, and parts of no more than 16 MB.
    expect(store.objects.get("large")!.etag).toMatch(/-2"$/);
  });

  it("takes a lost answer to joining for what it was, and an older object of that size for no success", async () => {
    const storage = await opened();
    const bytes = new Uint8Array(20 * MB).fill(7);
    const gone = { status: 404, body: "<Error><Code>NoSuchUpload</Code></Error>" };
    store.fault = ({ method, url }) => {
      if (method !== "POST" || !url!.includes("uploadId")) return undefined;
      store.joinParts("large");
      return gone;
    };
    await writeBytes(storage, "s3://bucket/large", [bytes]);
    store.fault = first(1, ({ method, url }) => method === "POST" && url!.includes("uploadId"), gone);
    await expect(writeBytes(storage, "s3://bucket/large", [bytes.fill(8)])).rejects.toMatchObject({
      code: "data/not-found",
    });
  });

  it("sends again what a store found too slow", async () => {
    const storage = await opened();
    store.fault = first(1, ({ method }) => method === "PUT", {
      status: 400,
      body: "<Error><Code>RequestTimeout</Code></Error>",
    });
    await writeText(storage, "s3://bucket/a", "slow");
    expect(await readText(storage, "s3://bucket/a")).toBe("slow");
  });

  it("gives much that is sent, and what a store answers late, more time", async () => {
    const storage = await opened(400);
    // The first file in a bucket asks whether there is one.
    await writeText(storage, "s3://bucket/first", "");
    store.asked.splice(0);
    store.pause = 1500;
    await writeBytes(storage, "s3://bucket/large", [new Uint8Array(12 * MB)]);
    await storage.move("s3://bucket/large", "s3://bucket/large");
    expect(store.asked).toEqual(["PUT large", "PUT large"]);
  });

  it("keeps what was added to a log for the next time when it could not be saved", async () => {
    const storage = await opened();
    const log = await storage.grow("s3://bucket/log");
    await log.append(new TextEncoder().encode("one "));
    store.fault = first(1, ({ method }) => method === "PUT", 403);
    await expect(log.sync()).rejects.toMatchObject({ code: "data/permission" });
    await log.sync();
    expect(await readText(storage, "s3://bucket/log")).toBe("one ");
    const saving = log.sync();
    await log.append(new TextEncoder().encode("two"));
    await saving;
    await log.close();
    expect(await readText(storage, "s3://bucket/log")).toBe("one two");
  });

  it("takes no object of unknown length for an empty one", async () => {
    const storage = await opened();
    await writeText(storage, "s3://bucket/a", "x");
    store.fault = ({ method }) => (method === "HEAD" ? 200 : undefined);
    await expect(storage.open("s3://bucket/a")).rejects.toMatchObject({
      code: "data/unreadable",
      message: expect.stringContaining("Content-Length") as string,
    });
  });

  it("ends when a server answers to no try, and asks it in no other way", { timeout: 60_000 }, async () => {
    const asked: string[] = [];
    const server = createServer(({ url, socket }) => {
      asked.push(url!.split("/", 2)[1]!.replace(/\?.*/, ""));
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const env = storeEnvironment(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const storage = s3Storage({ env, spool: openSpool({ folder: temporaryFolder(), limit: 1 }) });
    const images = (input: string): Promise<unknown> =>
      openImages({ ...nodePlatform, storageFor: () => storage }, [input]);
    const gone = {
      name: "DataError",
      code: "data/unavailable",
      message: expect.stringContaining("the server cannot be reached or broke off") as string,
    };
    await Promise.all([
      expect(storage.open("s3://open/a")).rejects.toMatchObject(gone),
      expect(storage.stat("s3://stat/a")).rejects.toMatchObject(gone),
      expect(readText(storage, "s3://stream/a")).rejects.toMatchObject(gone),
      expect(images("s3://image/a.jpg")).rejects.toMatchObject(gone),
      expect(images("s3://glob/*/{a,b}.tar")).rejects.toMatchObject(gone),
      expect(matchingFiles(storage, "s3://pattern/*/a.tar")).rejects.toMatchObject(gone),
    ]);
    server.close();
    const buckets = ["open", "stat", "stream", "image", "glob", "pattern"];
    const times = buckets.map((bucket) => [bucket, asked.filter((name) => name === bucket).length]);
    expect(times).toEqual(buckets.map((bucket) => [bucket, 10]));
  });

  it("does not try a port again that fetch refuses", async () => {
    const storage = s3Storage({ env: storeEnvironment("http://127.0.0.1:6000") });
    await expect(storage.stat("s3://bucket/a")).rejects.toMatchObject({
      code: "data/unavailable",
      message: expect.stringContaining("(bad port)") as string,
    });
  });

  it("leaves out folders that have no name", async () => {
    const storage = await opened();
    for (const key of ["a//b", "a/c"])
      store.objects.set(key, { bytes: Buffer.from(key), etag: `"${md5(key)}"` });
    expect(await collect(storage.list("s3://bucket/a"))).toEqual([{ name: "c", kind: "file" }]);
  });
});
