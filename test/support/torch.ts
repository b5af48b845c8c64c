import { spawnSync } from "node:child_process";

const python = "/usr/bin/python3";

/** Whether Debian's PyTorch is installed; tests that compare with it skip otherwise. */
export const hasTorch: boolean = spawnSync(python, ["-c", "import torch"]).status === 0;

/** Runs a script of `test/reference`; throws with its output when it fails. */
export function runReference(script: string, ...args: readonly string[]): string {
  const path = new URL(`../reference/${script}`, import.meta.url).pathname;
  const run = spawnSync(python, ["-B", path, ...args], { encoding: "utf8", maxBuffer: 2 ** 28 });
  if (run.status !== 0) throw new Error(`${script} failed: ${run.stderr}`);
  return run.stdout;
}
