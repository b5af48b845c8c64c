import { MessageChannel } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { ImageError } from "../../src/core/index.ts";
import {
  answerCallsOn,
  threadOver,
  type Call,
  type Methods,
  type Reply,
  type Request,
  type Thread,
} from "../../src/runtime/index.ts";

/** A thread on a channel of this one, as any platform's workers make one; it tells when it is busy. */
function open(methods: Methods): { readonly thread: Thread; readonly busy: readonly boolean[] } {
  const { port1, port2 } = new MessageChannel();
  const closed = new Promise<void>((resolve) => void port1.on("close", resolve));
  const busy: boolean[] = [];
  answerCallsOn(
    {
      post: (reply, transfer) => port2.postMessage(reply, transfer as readonly ArrayBuffer[]),
      listen: (request) => void port2.on("message", (message: Request) => request(message)),
      end: () => port2.close(),
    },
    methods,
  );
  const thread = threadOver({
    post: (request, transfer) => port1.postMessage(request, transfer as readonly ArrayBuffer[]),
    listen: ({ reply }) => void port1.on("message", (message: Reply) => reply(message)),
    busy: (value) => void busy.push(value),
    ended: () => closed,
  });
  return { thread, busy };
}

const echo = (value: unknown): Promise<{ value: unknown }> => Promise.resolve({ value });

describe("calls over a port", () => {
  it("give values, and say when there are calls to wait for", async () => {
    const { thread, busy } = open({ echo });
    expect(await Promise.all([thread.call("echo", 1), thread.call("echo", "two")])).toEqual([1, "two"]);
    expect(busy).toEqual([true, true, false]);
    await thread.end();
  });

  it("move the memory of arguments and of answers", async () => {
    const { thread } = open({
      echo: (value: Uint8Array<ArrayBuffer>) => Promise.resolve({ value, transfer: [value.buffer] }),
    });
    const bytes = Uint8Array.of(1, 2, 3);
    expect(await thread.call("echo", bytes, { transfer: [bytes.buffer] })).toEqual(Uint8Array.of(1, 2, 3));
    expect(bytes.length).toBe(0);
    await thread.end();
  });

  it("post what a view sees, and nothing of the memory around it", async () => {
    const { thread } = open({
      size: ({ bytes }: { readonly bytes: Uint8Array }) =>
        Promise.resolve({ value: [bytes.buffer.byteLength, ...bytes] }),
      part: () => Promise.resolve({ value: { at: new Float32Array(1000).fill(2).subarray(10, 12) } }),
    });
    const large = new Uint8Array(1_000_000).fill(7);
    expect(await thread.call("size", { bytes: large.subarray(5, 7) })).toEqual([2, 7, 7]);
    expect(await thread.call("size", { bytes: Buffer.from(large.buffer, 9, 1) })).toEqual([1, 7]);
    const { at } = await thread.call<{ at: Float32Array }>("part", undefined);
    expect(at).toEqual(Float32Array.of(2, 2));
    expect(at.buffer.byteLength).toBe(8);
    await thread.end();
  });

  it("give errors with class and code; others become errors of the session", async () => {
    const { thread } = open({
      refuse: () => Promise.reject(new ImageError("image/empty", "The image file is empty.")),
      break: () => Promise.reject(new TypeError("on purpose")),
    });
    const refused = await thread.call("refuse", 0).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ImageError);
    expect(refused).toMatchObject({ code: "image/empty", message: "The image file is empty." });
    const failed = { name: "SessionError", code: "runtime/run-failed" };
    await expect(thread.call("break", 0)).rejects.toMatchObject({ ...failed, message: "on purpose" });
    await expect(thread.call("unknown", 0)).rejects.toMatchObject(failed);
    await thread.end();
  });

  it("that are aborted reject at once, and tell the thread", async () => {
    let seen: Call | undefined;
    const { thread } = open({
      echo,
      wait: (_: unknown, call: Call) => {
        seen = call;
        return new Promise(() => undefined);
      },
    });
    const controller = new AbortController();
    const waiting = thread.call("wait", 0, { signal: controller.signal });
    await thread.call("echo", 0);
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await thread.call("echo", 0);
    expect(seen?.cancelled).toBe(true);
    await expect(thread.call("echo", 0, { signal: controller.signal })).rejects.toThrow("enough");
    await thread.end();
  });

  it("reject when the thread is ended, and afterwards", async () => {
    const { thread } = open({ wait: () => new Promise(() => undefined) });
    const waiting = thread.call("wait", 0);
    const ended = thread.end();
    await expect(waiting).rejects.toMatchObject({ code: "runtime/released" });
    await ended;
    await expect(thread.call("wait", 0)).rejects.toMatchObject({ code: "runtime/released" });
    expect(thread.failure?.code).toBe("runtime/released");
  });
});
