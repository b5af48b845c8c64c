import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A program that stays up and does one command at a time. */
export interface Peer {
  /** Sends a command and waits for its answer; rejects with the peer's traceback. */
  call<Answer>(command: string, parameters?: Readonly<Record<string, unknown>>): Promise<Answer>;
  end(): Promise<void>;
}

/** Starts a program that reads commands and writes answers, lines of JSON on its standard input and output. */
export function startPeer(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Peer {
  const child = spawn(program, args, {
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
      if (line.done === true) throw new Error(`${args[0]} ended before it answered "${command}".`);
      const reply = JSON.parse(line.value) as { readonly result: Answer } | { readonly error: string };
      if ("error" in reply) throw new Error(`${args[0]}: "${command}" failed:\n${reply.error}`);
      return reply.result;
    },
    end() {
      child.stdin.end();
      return ended;
    },
  };
}
