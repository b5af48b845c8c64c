import type { Redis } from "ioredis";
import { ClusterError } from "../../core/index.ts";

type Bullmq = typeof import("bullmq");

/** A Redis that holds queues. */
export interface QueueServer extends Disposable {
  readonly bullmq: Bullmq;
  readonly client: Redis;
  /** Without user and password. */
  readonly address: string;
}

/** How long a server may take to answer for the first time, in milliseconds. */
const patience = 5000;

/** How long a server may take to answer later on: a way that was cut says nothing. Longer than a worker waits for shards. */
const silence = 8000;

/**
 * Opens a Redis, which has to answer now; later on it is waited for.
 *
 * @param address `redis://user:password@host:port/database`, or `rediss:` for TLS.
 * @param onConnection Is told when it is gone, and when it is back.
 * @throws ClusterError `cluster/no-bullmq`, `cluster/no-redis`, `cluster/redis-password`, `cluster/redis`
 */
export async function openServer(
  address: string,
  onConnection: (isThere: boolean) => void,
): Promise<QueueServer> {
  const { bullmq, Redis: Client } = await loadPackages();
  const shown = withoutPassword(address);
  await checkServer(new Client(address, { ...probing, lazyConnect: true }), shown);
  const client = new Client(address, {
    maxRetriesPerRequest: null,
    connectTimeout: patience,
    socketTimeout: silence,
    keepAlive: silence,
    retryStrategy: (times) => Math.min(200 * times, 2000),
  });
  let isThere = true;
  const say = (now: boolean): void => {
    if (now !== isThere) onConnection(now);
    isThere = now;
  };
  client.on("error", () => undefined);
  client.on("close", () => say(false));
  client.on("ready", () => say(true));
  return {
    bullmq,
    client,
    address: shown,
    [Symbol.dispose]() {
      client.removeAllListeners("close");
      client.disconnect();
    },
  };
}

const probing = {
  maxRetriesPerRequest: 0,
  retryStrategy: () => null,
  connectTimeout: patience,
  commandTimeout: patience,
} as const;

/** Asks a server once whether it is a Redis that may be used. */
async function checkServer(probe: Redis, address: string): Promise<void> {
  let reason: unknown;
  probe.on("error", (error) => {
    reason ??= error;
  });
  const late = AbortSignal.timeout(2 * patience);
  try {
    await Promise.race([probe.connect().then(() => probe.ping()), failed(late)]);
  } catch (error) {
    throw unusable(address, reason ?? error);
  } finally {
    probe.disconnect();
  }
}

const failed = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("it does not answer")));
  });

function unusable(address: string, cause: unknown): ClusterError {
  const { message, code } = cause as NodeJS.ErrnoException;
  const why = message || code || "it does not answer";
  if (/NOAUTH|WRONGPASS|NOPERM|invalid (username-)?password|AUTH/.test(why)) {
    return new ClusterError(
      "cluster/redis-password",
      `Redis at ${address} asks for another user or password (${why}). Give them in the address: redis://:PASSWORD@HOST:PORT, or redis://USER:PASSWORD@HOST:PORT.`,
      { cause },
    );
  }
  if (code !== undefined && /^E[A-Z_]+$/.test(code)) {
    return new ClusterError(
      "cluster/no-redis",
      `There is no Redis at ${address} (${why}). Check the address, or start one there: ${serverCommand(address)}`,
      { cause },
    );
  }
  return new ClusterError(
    "cluster/redis",
    `What answers at ${address} cannot be used as a Redis (${why}). Check the address; redis: is without TLS, rediss: with it.`,
    { cause },
  );
}

/** What would make a Redis forget shards when it ends at a bad moment; undefined where nothing does. */
export async function durabilityWarning({ client, address }: QueueServer): Promise<string | undefined> {
  const wanted = { appendonly: "yes", appendfsync: "always", "maxmemory-policy": "noeviction" };
  const wrong: string[] = [];
  try {
    for (const [name, value] of Object.entries(wanted)) {
      const [, found] = (await client.config("GET", name)) as readonly (string | undefined)[];
      if (found !== value) wrong.push(`${name} ${found ?? "unknown"}`);
    }
  } catch (error) {
    return `Redis at ${address} does not say how it keeps its data (${(error as Error).message}); it should be appendonly yes, appendfsync always.`;
  }
  if (wrong.length === 0) return undefined;
  return `Redis at ${address} has ${wrong.join(", ")}: if it ends at a bad moment, what it was told last is lost, and some of the work is done again or the whole queue is gone. Start it with: ${serverCommand(address)} --maxmemory-policy noeviction`;
}

/** What starts a Redis that writes down what it is told, on the machine and at the port of an address. */
function serverCommand(address: string): string {
  const { protocol, hostname, port } = new URL(address);
  const plain = port === "" || port === "6379" ? "" : ` --port ${port}`;
  const secure = ` --port 0 --tls-port ${port || "6379"} --tls-cert-file CERTIFICATE --tls-key-file KEY`;
  const at = protocol === "rediss:" ? secure : plain;
  // Redis answers no other machine, unless there is a password.
  const forOthers = isLoopback.test(hostname) ? "" : " --bind 0.0.0.0 --requirepass PASSWORD";
  return `redis-server${at}${forOthers} --appendonly yes --appendfsync always`;
}

const isLoopback = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** @throws ClusterError `cluster/no-bullmq` */
async function loadPackages(): Promise<{ readonly bullmq: Bullmq; readonly Redis: typeof Redis }> {
  try {
    const [bullmq, ioredis] = await Promise.all([import("bullmq"), import("ioredis")]);
    return { bullmq, Redis: ioredis.Redis };
  } catch (cause) {
    throw new ClusterError(
      "cluster/no-bullmq",
      `Queues are kept in Redis by the packages bullmq and ioredis, which cannot be loaded (${(cause as Error).message.split("\n")[0]!}). Install them beside this package: npm install bullmq ioredis`,
      { cause },
    );
  }
}

function withoutPassword(address: string): string {
  const url = new URL(address);
  return `${url.protocol}//${url.host}${url.pathname === "/" ? "" : url.pathname}`;
}
