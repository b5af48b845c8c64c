import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { DataError } from "../../core/index.ts";
import { readBytes, type LockOptions, type Storage } from "../../core/storage/index.ts";
import { isOfDeadProcess, thisProcess } from "../files/file-lock.ts";
import { absent, ask, type ObjectSource } from "./object-source.ts";
import { putObject } from "./s3-writer.ts";

/** Milliseconds without a sign of life after which a lock counts as left behind. */
const staleAfter = 60_000;
const pollInterval = 500;

/**
 * Takes a lock: an object that only one writer can create. The holder writes it anew four times a minute; one that has stayed
 * as it was for a minute, or is of a process of this machine that is no more, was left behind, and is taken over.
 */
export async function lockObject(
  source: ObjectSource,
  storage: Pick<Storage, "stream">,
  uri: string,
  { signal, onWait }: LockOptions = {},
): Promise<() => Promise<void>> {
  const id = randomUUID();
  const statement = (): Uint8Array<ArrayBuffer> =>
    new TextEncoder().encode(JSON.stringify({ ...thisProcess(), id, at: Date.now() }));
  const held = async (): Promise<string> =>
    new TextDecoder().decode(await readBytes(storage, uri).catch(absent));
  const isOurs = async (): Promise<boolean> => (await held()).includes(id);

  let seen = { text: "", since: performance.now() };
  let waited = false;
  for (;;) {
    signal?.throwIfAborted();
    // A first answer that was lost makes the second one a refusal.
    if (await create(source, uri, statement(), signal)) break;
    const text = await held();
    if (text.includes(id)) break;
    if (text !== seen.text) seen = { text, since: performance.now() };
    const isLeft = isOfDeadProcess(text) || performance.now() - seen.since > staleAfter;
    if (text !== "" && isLeft) {
      await ask(source, uri, { method: "DELETE" }, signal);
      // Of several that saw it, the last to create it has it.
      if (await create(source, uri, statement(), signal)) {
        await delay(2000);
        if (await isOurs()) break;
      }
      continue;
    }
    if (!waited) onWait?.();
    waited = true;
    await delay(pollInterval, undefined, signal && { signal }).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw error;
    });
  }
  let beat: Promise<unknown> = Promise.resolve();
  const heartbeat = setInterval(() => {
    beat = isOurs()
      .then((ours) => (ours ? putObject(source, uri, statement()) : undefined))
      .catch(() => undefined);
  }, staleAfter / 4);
  heartbeat.unref();
  return async () => {
    clearInterval(heartbeat);
    // One under way would bring the lock back.
    await beat;
    if (await isOurs()) await ask(source, uri, { method: "DELETE" });
  };
}

/** @returns whether the object is ours; false where one stands already */
async function create(
  source: ObjectSource,
  uri: string,
  body: Uint8Array<ArrayBuffer>,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    await ask(source, uri, { method: "PUT", body, headers: { "if-none-match": "*" } }, signal);
    return true;
  } catch (error) {
    if (error instanceof DataError && error.code === "data/exists") return false;
    throw error;
  }
}
