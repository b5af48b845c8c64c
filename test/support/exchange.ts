import { execFileSync, spawnSync } from "node:child_process";

/** A Python with today's torch, timm, transformers, onnx and onnxruntime from PyPI, by its path. */
const python = process.env["SSL_RESNEXT_EXCHANGE_PYTHON"];

/** Why the tools of others cannot run here; undefined where they can. */
export function exchangeMissing(...modules: readonly string[]): string | undefined {
  if (python === undefined) return "SSL_RESNEXT_EXCHANGE_PYTHON names no Python";
  const { status } = spawnSync(python, ["-c", `import ${modules.join(", ")}`]);
  return status === 0 ? undefined : `${python} has not all of ${modules.join(", ")}`;
}

/** Runs a script of test/reference with it, and parses what it prints. */
export function runExchange(script: string, ...args: readonly string[]): unknown {
  const path = new URL(`../reference/${script}`, import.meta.url).pathname;
  const output = execFileSync(python!, ["-B", "-W", "ignore", path, ...args], {
    maxBuffer: 2 ** 28,
    stdio: ["ignore", "pipe", "ignore"],
  });
  return JSON.parse(output.toString("utf8"));
}
