import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** Why there can be no Redis here; undefined where there can. */
export function redisMissing(): string | undefined {
  return spawnSync("redis-server", ["--version"]).error
    ? "there is no redis-server (Debian: redis-server)"
    : undefined;
}

/** A real Redis on the loopback interface, which keeps all that it was told. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  readonly address: string;
  /** Ends it by a signal, and resolves when it is gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again, with the data that it had. */
  start(): Promise<void>;
}

/**
 * Starts a Redis.
 *
 * @param folder For its data.
 * @param settings Further arguments of redis-server.
 */
export async function startRedis(folder: string, ...settings: readonly string[]): Promise<RedisServer> {
  const port = await freePort();
  const line = `--port ${port} --bind 127.0.0.1 --dir ${folder} --save  --appendonly yes --appendfsync always`;
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    child = spawn("redis-server", [...line.split(" "), ...settings], { stdio: "ignore" });
    for (let tries = 0; tries < 100; tries++) {
      if (await answers(port)) return;
      await delay(50);
    }
    throw new Error(`redis-server does not answer on port ${port}`);
  };
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  };
  await start();
  return {
    port,
    address: `redis://127.0.0.1:${port}`,
    kill,
    start,
    [Symbol.asyncDispose]: () => kill("SIGKILL"),
  };
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("close", () => socket.destroy());
    socket.once("connect", () => socket.destroy());
  });

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** A network between a Redis and those who use it, which can be cut. */
export interface CutNetwork extends AsyncDisposable {
  readonly address: string;
  /** Hands on nothing for so many milliseconds, in silence: no connection ends by it. */
  cut(milliseconds: number): Promise<void>;
}

/** Hands on connections to a port. */
export async function networkTo(port: number): Promise<CutNetwork> {
  let isCut = false;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on("error", () => undefined);
      // What is sent while the network is cut is lost, and its connection with it.
      let isLost = false;
      from.on("data", (bytes) => {
        isLost ||= isCut;
        if (!isLost) to.write(bytes);
      });
      from.on("close", () => {
        sockets.delete(from);
        if (!isLost) to.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async cut(milliseconds) {
      isCut = true;
      await delay(milliseconds);
      isCut = false;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
