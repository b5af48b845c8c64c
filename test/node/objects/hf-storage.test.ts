import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { httpStorage, readText } from "../../../src/core/storage/index.ts";
import { openImages } from "../../../src/data/index.ts";
import { hfStorage } from "../../../src/node/objects/hf-storage.ts";
import { openSpooledHttp } from "../../../src/node/objects/spooled-http.ts";
import { openSpool } from "../../../src/node/objects/spool.ts";
import { nodePlatform } from "../../../src/node/platform.ts";
import { collect } from "../../data/collect.ts";
import { tarBytes } from "../../data/tar-fixture.ts";
import { sha256 } from "../../support/sha256.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const spool = openSpool({ folder: temporaryFolder(), limit: 1e9 });
const large = new Uint8Array(20 * 2 ** 20).map((_, i) => (i * 7919) >> 5);
const tar = await tarBytes([{ name: "1.jpg", body: "one" }]);
const files: Readonly<Record<string, Uint8Array>> = {
  "data/a b.txt": new TextEncoder().encode("grüße"),
  "data/0.tar": tar,
  "data/1.tar": tar,
  "large.tar": large,
};
const shown: (string | undefined)[] = [];
let harm = 0;

/** Serves a file with ranges and ETag, as the hub's storage does; every third answer of the large one breaks off. */
function serve(bytes: Uint8Array, request: IncomingMessage, response: ServerResponse): void {
  const [, from = "0", to = `${bytes.length - 1}`] =
    /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
  const part = bytes.subarray(Number(from), Number(to) + 1);
  const about = { etag: `"${bytes.length}"`, "accept-ranges": "bytes", "content-length": part.length };
  const range = { "content-range": `bytes ${from}-${to}/${bytes.length}` };
  response.writeHead(
    request.headers.range ? 206 : 200,
    request.headers.range ? { ...about, ...range } : about,
  );
  if (request.method === "HEAD") response.end();
  else if (part.length > 1e6 && harm++ % 3 === 0)
    response.write(part.subarray(0, 5e5), () => response.destroy());
  else response.end(part);
}

const listen = async (answer: (request: IncomingMessage, response: ServerResponse) => void) => {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
};
type Listening = Awaited<ReturnType<typeof listen>>;

describe("data sets of the Hugging Face hub", () => {
  let hub: Listening;
  let content: Listening;
  beforeAll(async () => {
    content = await listen((request, response) => {
      shown.push(request.headers.authorization);
      serve(files[decodeURIComponent(request.url!.slice(1))]!, request, response);
    });
    hub = await listen((request, response) => {
      const url = decodeURIComponent(request.url!);
      const [, path = ""] = /^\/datasets\/o\/n\/resolve\/main\/(.*)$/.exec(url) ?? [];
      const folder = "/api/datasets/o/n/tree/main/data";
      if (request.headers.authorization !== "Bearer secret") {
        response.writeHead(401).end();
      } else if (path in files) {
        response.writeHead(302, { location: `${content.url}/${encodeURIComponent(path)}` }).end();
      } else if (url === folder) {
        // As a mirror hands it on.
        response.writeHead(200, { link: `<https://huggingface.co${folder}?cursor=2>; rel="next"` });
        response.end(JSON.stringify([{ type: "file", path: "data/0.tar" }]));
      } else if (url === `${folder}?cursor=2`) {
        const [type, more] = ["file", { type: "directory", path: "data/x" }];
        response.end(JSON.stringify([{ type, path: "data/1.tar" }, more]));
      } else {
        response.writeHead(404).end();
      }
    });
  });
  afterAll(() => {
    for (const { server } of [hub, content]) {
      server.closeAllConnections();
      server.close();
    }
  });
  const opened = (token = "secret") => hfStorage({ spool, env: { HF_ENDPOINT: hub.url, HF_TOKEN: token } });

  it("are read, and the token goes nowhere else", async () => {
    expect(await readText(opened(), "hf://datasets/o/n/data/a b.txt")).toBe("grüße");
    await using file = await opened().open("hf://datasets/o/n/large.tar", { whole: true });
    expect(sha256(await file.read(0, file.size))).toBe(sha256(large));
    expect(harm).toBeGreaterThan(3);
    expect(new Set(shown)).toEqual(new Set([undefined]));
  });

  it("are listed, page by page", async () => {
    expect(await collect(opened().list("hf://datasets/o/n/data"))).toEqual([
      { name: "0.tar", kind: "file" },
      { name: "1.tar", kind: "file" },
      { name: "x", kind: "folder" },
    ]);
    const platform = { ...nodePlatform, storageFor: () => opened() };
    expect((await openImages(platform, ["hf://datasets/o/n/data/*.tar"])).size).toBe(2);
  });

  it("are refused in words", async () => {
    const code = (uri: string, token?: string): Promise<unknown> =>
      opened(token)
        .open(uri)
        .then(String, (error: { code: string }) => error.code);
    expect(await code("hf://datasets/o/n/absent.tar")).toBe("data/not-found");
    expect(await code("hf://datasets/o/n/large.tar", "other")).toBe("data/permission");
    expect(await code("hf://o/n/large.tar")).toBe("data/not-found");
    await expect(opened().create("hf://datasets/o/n/a")).rejects.toMatchObject({ code: "data/read-only" });
  });

  it("come by way of the spool as files behind https do, where the server has ranges", async () => {
    const before = harm;
    await using file = await openSpooledHttp(
      httpStorage(),
      fetch,
      `${content.url}/large.tar`,
      { whole: true },
      spool,
    );
    expect(sha256(await file.read(0, file.size))).toBe(sha256(large));
    expect(harm).toBeGreaterThan(before + 2);
  });
});
