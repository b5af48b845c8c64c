import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/**
 * Decides the moments at which a test kills the command line: other ones in each run, unless the environment says which.
 * Such a test has it in its name, so that a failure can be repeated.
 */
export const killSeed = Number(process.env["SSL_RESNEXT_KILL_SEED"] ?? Date.now() % 2 ** 32);

/** What a command line did. */
export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Starts the built command line as a process of its own, its streams being pipes.
 *
 * @param emulator A command that runs programs on another processor.
 * @param cwd The folder that it begins in. @default that of the tests
 */
export function startCli(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  emulator: readonly string[] = [],
  cwd?: string,
): ChildProcessWithoutNullStreams {
  const [command, ...rest] = [...emulator, process.execPath, main, ...args] as [string, ...string[]];
  return spawn(command, rest, {
    cwd,
    env: { ...process.env, SSL_RESNEXT_OFFLINE: "1", ...environment },
  });
}

/** Runs a command line to its end. */
export async function runCli(
  args: readonly string[],
  input?: Uint8Array,
  environment?: NodeJS.ProcessEnv,
  emulator?: readonly string[],
  cwd?: string,
): Promise<CliRun> {
  const child = startCli(args, environment, emulator, cwd);
  child.stdin.end(input);
  return ended(child);
}

/** Gathers what a started command line writes until it ends. */
export function ended(child: ChildProcessWithoutNullStreams): Promise<CliRun> {
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...texts }));
  });
}

/** The objects of JSON Lines. */
export function jsonLines<T>(text: string): T[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}

/** Calls for each object of the JSON Lines that a process writes. */
export function onLines(child: ChildProcessWithoutNullStreams, call: (line: never) => void): void {
  let rest = "";
  child.stdout.on("data", (chunk: Buffer | string) => {
    const lines = `${rest}${chunk.toString()}`.split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line.startsWith("{")) call(JSON.parse(line) as never);
  });
}
