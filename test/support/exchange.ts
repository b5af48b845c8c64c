import { execFileSync, spawnSync } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where `.ci/peers` installs timm, transformers, ONNX Runtime, OpenVINO and transformers.js of today. */
export const peers: string =
  process.env["SSL_RESNEXT_PEERS"] ??
  join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "ssl-resnext-peers");

/** A Python that has those of PyPI. */
export const python: string = join(peers, "bin/python");

/** Why the tools of others cannot run here; undefined where they can. */
export function exchangeMissing(...modules: readonly string[]): string | undefined {
  const { status } = spawnSync(python, ["-c", `import ${modules.join(", ")}`]);
  return status === 0 ? undefined : `there is no Python with ${modules.join(", ")}, which .ci/peers installs`;
}

/** Runs a script of test/reference with it, and parses what it prints. */
export function runExchange(script: string, ...args: readonly string[]): unknown {
  const path = new URL(`../reference/${script}`, import.meta.url).pathname;
  const output = execFileSync(python, ["-B", "-W", "ignore", path, ...args], {
    maxBuffer: 2 ** 28,
    stdio: ["ignore", "pipe", "ignore"],
  });
  return JSON.parse(output.toString("utf8"));
}
