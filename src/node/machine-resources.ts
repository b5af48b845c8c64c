import { availableParallelism } from "node:os";
import { availableMemory } from "node:process";
import type { ExecutionConditions } from "../runtime/index.ts";

/** Cores and memory that this process may use, the limits of its container included. */
export function machineResources(): Pick<ExecutionConditions, "cores" | "freeMemory"> {
  return { cores: availableParallelism(), freeMemory: availableMemory() };
}
