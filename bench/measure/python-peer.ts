import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { peersFolder, python } from "../paths.ts";

/** A Python program that stays up and does one command at a time. */
export interface PythonPeer {
  /** Sends a command and waits for its answer; rejects with the peer's traceback. */
  call<Answer>(command: string, parameters?: Readonly<Record<string, unknown>>): Promise<Answer>;
  end(): Promise<void>;
}

/** Starts a program of `bench/peers`. Commands and answers are lines of JSON on its standard input and output. */
export function startPythonPeer(
  script: string,
  environment: Readonly<Record<string, string>> = {},
): PythonPeer {
  const child = spawn(python, [join(peersFolder, script)], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...environment },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => resolve());
  });
  // A failed start shows at the first call.
  ended.catch(() => undefined);

  return {
    async call<Answer>(command: string, parameters = {}) {
      child.stdin.write(`${JSON.stringify({ command, ...parameters })}\n`);
      const line = await lines.next();
      if (line.done === true) throw new Error(`${python} ${script} ended before it answered "${command}".`);
      const reply = JSON.parse(line.value) as { readonly result: Answer } | { readonly error: string };
      if ("error" in reply) throw new Error(`${script}: "${command}" failed:\n${reply.error}`);
      return reply.result;
    },
    end() {
      child.stdin.end();
      return ended;
    },
  };
}
