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

/** Resolves when the client has that many bytes of the file: a connection that breaks loses what is on its way. */
type Arrived = (received: number) => Promise<void>;

/** Serves `count` bytes from where Range asks to begin, then drops the connection. */
export const drop =
  (bytes: Uint8Array, count: number, arrived: Arrived, etag?: string): Answer =>
  (request, response) => {
    const end = sendSome(bytes, count, etag, request, response);
    void arrived(end).then(() => response.destroy());
  };

/** Serves `count` bytes from where Range asks to begin, then nothing more. */
export const stall =
  (bytes: Uint8Array, count: number): Answer =>
  (request, response) => {
    sendSome(bytes, count, undefined, request, response);
  };

function sendSome(
  bytes: Uint8Array,
  count: number,
  etag: string | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): number {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const end = Math.min(bytes.length, start + count);
  response.writeHead(start === 0 ? 200 : 206, {
    ...(etag !== undefined && { etag }),
    ...(start > 0 && { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    "content-length": bytes.length - start,
  });
  response.write(bytes.subarray(start, end));
  return end;
}

/** Serves the whole file whatever Range asks. */
export const serveWhole =
  (bytes: Uint8Array): Answer =>
  (_request, response) => {
    response.writeHead(200, { "content-length": bytes.length }).end(bytes);
  };
