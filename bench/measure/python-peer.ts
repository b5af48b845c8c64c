import { join } from "node:path";
import { peersFolder, python } from "../paths.ts";
import { startPeer, type Peer } from "./peer.ts";

/** Starts a program of `bench/peers`. */
export function startPythonPeer(script: string, environment: Readonly<Record<string, string>> = {}): Peer {
  return startPeer(python, [join(peersFolder, script)], environment);
}
