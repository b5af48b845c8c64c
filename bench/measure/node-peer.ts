import { fileURLToPath } from "node:url";
import { startPeer, type Peer } from "./peer.ts";

/** Starts a program of `bench/programs` that serves commands. */
export function startNodePeer(program: string): Peer {
  return startPeer(process.execPath, [fileURLToPath(new URL(`../programs/${program}.js`, import.meta.url))]);
}
