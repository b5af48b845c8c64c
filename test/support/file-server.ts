import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A real HTTP server on the loopback interface that answers requests in turn, as a test scripts it. */
export interface FileServer extends AsyncDisposable {
  readonly url: string;
  /** Method, path and Range of what was asked so far. */
  readonly requests: readonly { method: string; path: string; range: string | undefined }[];
}

/** Serves GET with the given answers, the last one again and again; HEAD with `head`. */
export async function fileServer(
  answers: readonly Answer[],
  head: Answer = status(404),
): Promise<FileServer> {
  const requests: FileServer["requests"][number][] = [];
  let next = 0;
  const server: Server = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    requests.push({ method, path: url, range: headers.range });
    if (method === "HEAD") return head(request, response);
    answers[Math.min(next++, answers.length - 1)]?.(request, response);
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

export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (_request, response) => {
    response.writeHead(code, headers).end();
  };

/** Serves the bytes as good servers do: with Range, If-Range and 416. */
export const serve =
  (bytes: Uint8Array, etag?: string): Answer =>
  (request, response) => {
    const about = etag === undefined ? {} : { etag };
    const ifRange = request.headers["if-range"];
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    if (start === 0 || (ifRange !== undefined && ifRange !== etag)) {
      response.writeHead(200, { ...about, "content-length": bytes.length }).end(bytes);
    } else if (start >= bytes.length) {
      response.writeHead(416, { ...about, "content-range": `bytes */${bytes.length}` }).end();
    } else {
      const rest = bytes.subarray(start);
      response
        .writeHead(206, {
          ...about,
          "content-length": rest.length,
          "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}`,
        })
        .end(rest);
    }
  };

/** Serves the first `count` bytes (after what Range asks to skip), then drops the connection. */
export const drop =
  (bytes: Uint8Array, count: number, etag?: string): Answer =>
  (request, response) => {
    sendSome(bytes, count, etag, request, response, () => response.destroy());
  };

/** Serves the first `count` bytes, then nothing more. */
export const stall =
  (bytes: Uint8Array, count: number, etag?: string): Answer =>
  (request, response) => {
    sendSome(bytes, count, etag, request, response, () => undefined);
  };

function sendSome(
  bytes: Uint8Array,
  count: number,
  etag: string | undefined,
  request: IncomingMessage,
  response: ServerResponse,
  then: () => void,
): void {
  const about = etag === undefined ? {} : { etag };
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  response.writeHead(start === 0 ? 200 : 206, {
    ...about,
    "content-length": bytes.length - start,
    ...(start > 0 && { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
  });
  // A pause, so that the bytes have left before the connection ends.
  response.write(bytes.subarray(start, start + count), () => setTimeout(then, 20));
}

/** Serves the whole file whatever Range asks. */
export const serveWhole =
  (bytes: Uint8Array): Answer =>
  (_request, response) => {
    response.writeHead(200, { "content-length": bytes.length }).end(bytes);
  };
