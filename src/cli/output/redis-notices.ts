import type { QueueServer } from "../../cluster/queue/redis.ts";
import type { Terminal } from "./terminal.ts";

/** Opens the Redis of a queue, and says what is worth knowing of it. @throws as `openServer` */
export async function openQueueServer(address: string, terminal: Terminal): Promise<QueueServer> {
  // Loaded where there is a queue.
  const { openServer, durabilityWarning } = await import("../../cluster/queue/redis.ts");
  const server = await openServer(address, (isThere) =>
    terminal.notice(isThere ? "Redis is back" : "Redis does not answer; waiting for it"),
  );
  const warning = await durabilityWarning(server);
  if (warning !== undefined) terminal.notice(`${terminal.noticeStyle.warning("warning:")} ${warning}`);
  return server;
}
