import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** The repository: where package.json lies. */
export const repository: string = dirname(createRequire(import.meta.url).resolve("ssl-resnext/package.json"));

export const peersFolder: string = join(repository, "bench/peers");

/** Files that benchmarks make once and use again; git ignores it. */
export const cacheFolder: string = join(repository, ".cache/bench");

/** The command line as a user's shell would start it. */
export const commandLine: string = join(repository, "dist/cli/main.js");

/** Interpreter with torch, torchvision and Pillow. */
export const python: string = process.env["PYTHON"] ?? "/usr/bin/python3";
