import { createHash, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { DataError } from "../../core/index.ts";
import type { LockOptions } from "../../core/storage/index.ts";
import { isOfDeadProcess, thisProcess } from "../files/file-lock.ts";
import { absent, ask, type ObjectSource } from "./object-source.ts";

/** Milliseconds without a sign of life after which a lock counts as left behind. */
const staleAfter = 60_000;
const pollInterval = 500;

/** What stands in place of a lock: nothing where its version is undefined. */
interface Statement {
  readonly text: string;
  /** Its ETag. No two are alike, as no statement is written twice. */
  readonly version: string | undefined;
}

/**
 * Takes a lock: an object that only one writer can create (`If-None-Match: *`). The holder writes it anew four times a minute; one
 * that has stayed as it was for a minute, or is of a process of this machine that is no more, was left behind, and is taken over by
 * writing in place of that very version (`If-Match`), which only one can do either.
 */
export async function lockObject(
  source: ObjectSource,
  uri: string,
  { signal, onWait }: LockOptions = {},
): Promise<() => Promise<void>> {
  const id = randomUUID();
  const held = async (): Promise<Statement> => {
    const answer = await ask(source, uri, {}).catch(absent);
    return { text: answer?.body ?? "", version: answer?.headers.get("etag") ?? undefined };
  };
  /** Writes our statement in place of a version, or where none stands. @returns its own; undefined where another writer was first */
  const write = async (version: string | undefined, until?: AbortSignal): Promise<string | undefined> => {
    const body = new TextEncoder().encode(JSON.stringify({ ...thisProcess(), id, at: Date.now() }));
    for (const headers of conditionsFor(version)) {
      try {
        const answer = await ask(source, uri, { method: "PUT", body, headers }, until);
        return answer.headers.get("etag") ?? `"${createHash("md5").update(body).digest("hex")}"`;
      } catch (error) {
        if (!(error instanceof DataError) || !isOfAnother.has(error.code)) throw error;
      }
    }
    // A first answer that was lost makes the second one a refusal.
    const now = await held();
    return now.text.includes(id) ? now.version : undefined;
  };

  let own = await write(undefined, signal);
  let seen = { version: undefined as string | undefined, since: 0 };
  let waited = false;
  while (own === undefined) {
    signal?.throwIfAborted();
    const { text, version } = await held();
    if (version !== seen.version) seen = { version, since: performance.now() };
    const isLeft = isOfDeadProcess(text) || performance.now() - seen.since > staleAfter;
    if (version === undefined || isLeft) {
      own = await write(version, signal);
      continue;
    }
    if (!waited) onWait?.();
    waited = true;
    await delay(pollInterval, undefined, signal && { signal }).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw error;
    });
  }
  let beat: Promise<void> = Promise.resolve();
  const heartbeat = setInterval(() => {
    // One that was taken over while this process stood still is no longer ours to write.
    const renew = async (): Promise<void> => {
      await beat;
      if (own !== undefined) own = await write(own);
    };
    beat = renew().catch(() => undefined);
  }, staleAfter / 4);
  heartbeat.unref();
  return async () => {
    clearInterval(heartbeat);
    // One under way would bring the lock back.
    await beat;
    if ((await held()).text.includes(id)) await ask(source, uri, { method: "DELETE" });
  };
}

/** What is to hold when a statement is written, in the words of either kind of store: Ceph's (16.2) knows ETags without quotes alone here. */
const conditionsFor = (version: string | undefined): readonly Readonly<Record<string, string>>[] =>
  version === undefined
    ? [{ "if-none-match": "*" }]
    : [...new Set([version, version.replaceAll('"', "")])].map((tag) => ({ "if-match": tag }));

/** What a store answers to a condition that no longer holds: another version stands there, or none. */
const isOfAnother: ReadonlySet<string> = new Set(["data/exists", "data/not-found"]);
