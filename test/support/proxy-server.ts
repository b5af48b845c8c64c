import { createServer, request as ask } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";

/** A real HTTP proxy on the loopback interface, as companies have them. */
export interface ProxyServer extends AsyncDisposable {
  /** Without a path. */
  readonly url: string;
  /** What was asked of it so far: method and target, and the credentials that came along. */
  readonly requests: readonly { readonly target: string; readonly credentials: string | undefined }[];
}

/**
 * Passes plain requests on, and opens tunnels to port 443's like, to where `hosts` says that a name is.
 *
 * @param refuse Answers every tunnel with this status.
 */
export async function proxyServer(
  hosts: Readonly<Record<string, string>> = {},
  refuse?: number,
): Promise<ProxyServer> {
  const requests: ProxyServer["requests"][number][] = [];
  const sockets = new Set<Socket>();
  const note = (target: string, credentials: string | undefined): void => {
    requests.push({
      target,
      credentials: credentials && Buffer.from(credentials.replace("Basic ", ""), "base64").toString(),
    });
  };
  const server = createServer((request, response) => {
    note(`${request.method} ${request.url}`, request.headers["proxy-authorization"]);
    const url = new URL(request.url ?? "");
    const { method, headers } = request;
    const onward = ask({
      host: hosts[url.hostname] ?? url.hostname,
      port: url.port,
      path: url.pathname,
      method,
      headers,
    });
    onward.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.writeHead(502).end());
    request.pipe(onward);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
  });
  server.on("connect", (request, socket) => {
    note(`CONNECT ${request.url}`, request.headers["proxy-authorization"]);
    const [, host = "", port] = /^(.*):(\d+)$/.exec(request.url ?? "") ?? [];
    if (refuse !== undefined) {
      socket.end(`HTTP/1.1 ${refuse} No\r\n\r\n`);
      return;
    }
    const onward = connect(Number(port), hosts[host] ?? host, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    onward.on("error", () => socket.destroy());
    socket.on("error", () => onward.destroy());
    sockets.add(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
