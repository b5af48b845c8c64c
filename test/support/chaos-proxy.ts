import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { seededRandom } from "../../src/core/random.ts";

/** A TCP proxy on the loopback interface that does what networks do. */
export interface ChaosProxy extends AsyncDisposable {
  readonly url: string;
  /** How many connections were answered 503, cut off or brought to a standstill. */
  readonly harmed: () => number;
}

/**
 * Hands connections on to a port; a share of them is answered 503, and the others are cut off or stand still after some bytes.
 */
export async function chaosProxy(port: number, share: number, mostBytes: number): Promise<ChaosProxy> {
  const random = seededRandom(7);
  let harmed = 0;
  const server = createServer((client) => {
    const kind = random.uniform();
    client.on("error", () => undefined);
    if (kind < share) {
      harmed++;
      client.once("data", () =>
        client.end("HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
      );
      return;
    }
    const upstream = connect(port, "127.0.0.1");
    const limit = random.uniform() * mostBytes;
    let passed = 0;
    client.on("data", (bytes) => upstream.write(bytes));
    upstream.on("data", (bytes) => {
      passed += bytes.length;
      if (passed > limit) {
        harmed++;
        upstream.pause();
        // The others stand still.
        if (kind < 0.6) client.destroy();
        return;
      }
      if (client.write(bytes)) return;
      upstream.pause();
      client.once("drain", () => upstream.resume());
    });
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
    upstream.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const clients = new Set<Socket>();
  server.on("connection", (client) => clients.add(client));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    harmed: () => harmed,
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
