import { readdirSync } from "node:fs";
import { join } from "node:path";
import { findOpenVino, libraryVariable } from "../../src/node/engines/openvino/find-library.ts";
import { peers } from "./exchange.ts";

/** Why OpenVINO cannot run here; undefined where it can: where it is installed, or where `.ci/peers` puts it. */
export const noOpenVino: string | undefined = missing();

function missing(): string | undefined {
  try {
    findOpenVino();
    return undefined;
  } catch {
    // Where Python's packages are, below a version of it.
  }
  try {
    const lib = join(peers, "lib");
    const [python = ""] = readdirSync(lib);
    // Threads that tests start, and programs, find it there.
    process.env[libraryVariable] = join(lib, python, "site-packages", "openvino", "libs");
    findOpenVino();
    return undefined;
  } catch {
    delete process.env[libraryVariable];
    return "OpenVINO is not installed, which .ci/peers does";
  }
}
