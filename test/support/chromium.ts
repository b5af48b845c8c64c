import { spawn } from "node:child_process";
import { accessSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

const executable = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** Why pages cannot be opened here; undefined where they can. */
export function chromiumMissing(): string | undefined {
  try {
    accessSync(executable);
    return undefined;
  } catch {
    return `${executable} is not installed`;
  }
}

/** How a page is looked at. */
export interface View {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: "light" | "dark";
}

/** A page in a browser, and what happened in it. */
export interface OpenPage {
  /** What the page wrote to its console, exceptions and refused requests included. */
  readonly messages: readonly string[];
  /** Addresses that were asked for, other than the page's own and `data:`. */
  readonly requests: readonly string[];
  evaluate<Value>(expression: string): Promise<Value>;
  /** The whole page as a PNG. */
  screenshot(): Promise<Uint8Array>;
}

export interface Browser {
  open(url: string, view?: View): Promise<OpenPage>;
  close(): Promise<void>;
}

type Parameters = Readonly<Record<string, unknown>>;
type Message = {
  id?: number;
  method?: string;
  sessionId?: string;
  params: Parameters;
  result: unknown;
  error?: unknown;
};

/** Starts a headless Chromium and speaks its DevTools protocol over pipes. */
export function startChromium(): Browser {
  const profile = mkdtempSync(join(tmpdir(), "ssl-resnext-chromium-"));
  const child = spawn(
    executable,
    [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--remote-debugging-pipe",
      "--no-first-run",
      `--user-data-dir=${profile}`,
    ],
    { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] },
  );
  const calls = new Map<number, { resolve(result: unknown): void; reject(error: unknown): void }>();
  const listeners = new Set<(message: Message) => void>();
  let lastId = 0;
  let pending = "";
  (child.stdio[4] as Readable).setEncoding("utf8").on("data", (text: string) => {
    const messages = (pending + text).split("\0");
    pending = messages.pop()!;
    for (const message of messages.map((json) => JSON.parse(json) as Message)) {
      const call = message.id === undefined ? undefined : calls.get(message.id);
      if (!call) listeners.forEach((listener) => listener(message));
      else if (message.error) call.reject(new Error(JSON.stringify(message.error)));
      else call.resolve(message.result);
    }
  });
  const send = <Result>(method: string, params: Parameters = {}, sessionId?: string): Promise<Result> =>
    new Promise((resolve, reject) => {
      const id = ++lastId;
      calls.set(id, { resolve, reject });
      (child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });

  return {
    async open(url, { width = 1280, height = 900, scheme = "light" } = {}) {
      const { targetId } = await send<{ targetId: string }>("Target.createTarget", { url: "about:blank" });
      const { sessionId } = await send<{ sessionId: string }>("Target.attachToTarget", {
        targetId,
        flatten: true,
      });
      const call = <Result>(method: string, params: Parameters = {}): Promise<Result> =>
        send(method, params, sessionId);
      const messages: string[] = [];
      const requests: string[] = [];
      const loaded = new Promise<void>((resolve) => {
        listeners.add(({ method, params, sessionId: from }) => {
          if (from !== sessionId) return;
          if (method === "Page.loadEventFired") resolve();
          if (/^(Runtime\.(consoleAPICalled|exceptionThrown)|Log\.entryAdded)$/.test(method ?? "")) {
            messages.push(JSON.stringify(params));
          }
          if (method !== "Network.requestWillBeSent") return;
          const address = (params["request"] as { url: string }).url;
          if (address !== url && !address.startsWith("data:")) requests.push(address);
        });
      });
      for (const domain of ["Page", "Runtime", "Log", "Network"]) await call(`${domain}.enable`);
      await call("Emulation.setDeviceMetricsOverride", {
        width,
        height,
        deviceScaleFactor: 1,
        mobile: width < 600,
      });
      await call("Emulation.setEmulatedMedia", {
        features: [{ name: "prefers-color-scheme", value: scheme }],
      });
      await call("Page.navigate", { url });
      await loaded;
      return {
        messages,
        requests,
        async evaluate<Value>(expression: string) {
          const { result, exceptionDetails } = await call<{
            result: { value: Value };
            exceptionDetails?: unknown;
          }>("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true });
          if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
          return result.value;
        },
        async screenshot() {
          const { data } = await call<{ data: string }>("Page.captureScreenshot", {
            captureBeyondViewport: true,
          });
          return new Uint8Array(Buffer.from(data, "base64"));
        },
      };
    },
    async close() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      await send("Browser.close");
      await ended;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
