import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { gzipSync } from "node:zlib";

export interface StaticServer extends AsyncDisposable {
  readonly url: string;
  /** Bytes that went over the network so far, compressed as servers do. */
  readonly sent: () => number;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

/** Serves a folder as the plainest of web servers does. */
export async function serveFolder(folder: string): Promise<StaticServer> {
  let sent = 0;
  const answer = async ({ url = "/", method }: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname } = new URL(url, "http://localhost");
    const path = join(folder, normalize(pathname === "/" ? "/index.html" : pathname));
    const compressed = gzipSync(await readFile(path));
    response.writeHead(200, {
      "content-type": types[extname(path)] ?? "application/octet-stream",
      "content-encoding": "gzip",
      "content-length": compressed.length,
    });
    if (method === "HEAD") return void response.end();
    sent += compressed.length;
    response.end(compressed);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.writeHead(404).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    sent: () => sent,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
