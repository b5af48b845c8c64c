import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

export interface PageServerOptions {
  /** Folders, by the beginning of the addresses under which their files are found; the first that fits counts. */
  readonly folders: Readonly<Record<string, string>>;
  /** Compresses pages, scripts and WebAssembly, as web servers do. @default nothing is compressed */
  readonly encoding?: Encoding;
  /** Isolates pages across origins, without which browsers give them no threads that share memory. @default false */
  readonly isolated?: boolean;
}

export type Encoding = "gzip" | "br";

export interface PageServer extends AsyncDisposable {
  readonly url: string;
  /** Bytes of the contents that were sent, for each request in its turn. */
  readonly sent: readonly Sent[];
}

interface Sent {
  readonly path: string;
  readonly bytes: number;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

const compressors: Readonly<Record<Encoding, (bytes: Buffer) => Promise<Buffer>>> = {
  gzip: (bytes) => promisify(gzip)(bytes),
  // What servers choose that compress as they answer; 11 takes half a minute, and a sixth off.
  br: (bytes) => promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
};

/** Serves files to a browser on this machine, and counts what goes over the wire. */
export async function servePages({
  folders,
  encoding,
  isolated = false,
}: PageServerOptions): Promise<PageServer> {
  const sent: Sent[] = [];
  const isolation = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
  };
  // Compressed once: what is measured is the page.
  const compressed = new Map<string, Promise<Buffer>>();
  const contentOf = (path: string): Promise<Buffer> => {
    if (encoding === undefined || !(extname(path) in types)) return readFile(path);
    const content = compressed.get(path) ?? readFile(path).then(compressors[encoding]);
    compressed.set(path, content);
    return content;
  };

  const answer = async (
    { url = "/", method, headers }: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> => {
    const { pathname } = new URL(url, "http://localhost");
    const prefix = Object.keys(folders).find((each) => pathname.startsWith(each));
    if (prefix === undefined) throw new Error(`${pathname} is in none of the folders`);
    const path = join(folders[prefix]!, normalize(`/${pathname.slice(prefix.length)}`));
    const content = await contentOf(path);
    const isCompressed = compressed.has(path);
    if (isCompressed && !headers["accept-encoding"]?.includes(encoding!)) {
      throw new Error(`The browser does not take ${encoding}.`);
    }
    response.writeHead(200, {
      "content-type": types[extname(path)] ?? "application/octet-stream",
      "content-length": content.length,
      ...(isCompressed ? { "content-encoding": encoding } : {}),
      ...(isolated ? isolation : {}),
    });
    if (method === "HEAD") return void response.end();
    sent.push({ path: pathname, bytes: content.length });
    response.end(content);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(404).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    sent,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
