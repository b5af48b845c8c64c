import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** What is known of a command that ran to its end. */
export interface CommandRun {
  /** From the start of the process to the first output. */
  readonly secondsToFirstOutput: number;
  readonly seconds: number;
  readonly output: string;
  /** Highest resident memory in bytes, as last read before the end. */
  readonly peakMemory: number;
}

export interface CommandOptions {
  /** Reads the memory every so many milliseconds; each reading gives the peak until then. @default not at all */
  readonly memoryInterval?: number;
}

/** Runs a command to its end. Its standard error is shown only in the error when it fails. */
export function runCommand(
  program: string,
  args: readonly string[],
  { memoryInterval }: CommandOptions = {},
): Promise<CommandRun> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    const elapsed = (): number => (performance.now() - start) / 1000;
    let first: number | undefined;
    let output = "";
    let errors = "";
    let peakMemory = 0;
    const readMemory = (): void => {
      peakMemory = Math.max(peakMemory, peakMemoryOf(child.pid));
    };
    const timer = memoryInterval === undefined ? undefined : setInterval(readMemory, memoryInterval);
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      first ??= elapsed();
      output += chunk;
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (errors += chunk));
    child.once("error", reject);
    child.once("close", (code) => {
      clearInterval(timer);
      if (code === 0) {
        resolve({ secondsToFirstOutput: first ?? elapsed(), seconds: elapsed(), output, peakMemory });
      } else {
        reject(new Error(`${program} ${args.join(" ")} ended with ${code}:\n${errors}`));
      }
    });
  });
}

function peakMemoryOf(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  } catch {
    // It has just ended.
    return 0;
  }
}
