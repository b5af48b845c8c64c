import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A real HTTP server on the loopback interface. */
export interface RangeServer extends AsyncDisposable {
  /** Ends with a slash. */
  readonly url: string;
  /** Method, path and Range of what was asked so far. */
  readonly requests: readonly string[];
}

interface RangeServerOptions {
  /** Answers Range with the whole file, as plain servers do. @default false */
  readonly withoutRanges?: boolean;
  /** Names the version of each file, which never changes. @default false */
  readonly withEtags?: boolean;
  /** Refuses HEAD, as signed URLs do. @default false */
  readonly withoutHead?: boolean;
}

/** Serves files by name with HEAD and ranges; other names are 404. */
export async function rangeServer(
  files: Readonly<Record<string, Uint8Array>>,
  { withoutRanges = false, withoutHead = false, withEtags = false }: RangeServerOptions = {},
): Promise<RangeServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    requests.push([method, url, headers.range ?? ""].join(" ").trim());
    const bytes = files[decodeURIComponent(url.slice(1).replace(/\?.*$/, ""))];
    if (!bytes || (method === "HEAD" && withoutHead)) {
      response.writeHead(bytes ? 403 : 404).end();
      return;
    }
    if (withEtags) response.setHeader("etag", '"1"');
    const range = withoutRanges ? undefined : /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "");
    if (!range) {
      response.writeHead(200, { "content-length": bytes.length }).end(method === "HEAD" ? undefined : bytes);
      return;
    }
    const [start, end] = [Number(range[1]), Math.min(Number(range[2]) + 1, bytes.length)];
    if (start >= bytes.length) {
      response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
      return;
    }
    const about = `bytes ${start}-${end - 1}/${bytes.length}`;
    response.writeHead(206, { "content-range": about, "content-length": end - start });
    response.end(bytes.subarray(start, end));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
