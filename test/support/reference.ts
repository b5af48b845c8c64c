import { execFileSync, spawnSync } from "node:child_process";

const python = "/usr/bin/python3";
const references = new URL("../reference/", import.meta.url);

/** Why the Python reference cannot run here; undefined where it can. */
export function referenceMissing(...modules: readonly string[]): string | undefined {
  const { status } = spawnSync(python, ["-c", `import ${modules.join(", ")}`]);
  return status === 0 ? undefined : `${python} with ${modules.join(", ")} is not installed`;
}

/** Runs a script of test/reference and parses what it prints. */
export function runReference(script: string, args: readonly string[]): unknown {
  const path = new URL(script, references).pathname;
  const output = execFileSync(python, ["-W", "ignore", path, ...args], { maxBuffer: 2 ** 28 });
  return JSON.parse(output.toString("utf8"));
}
