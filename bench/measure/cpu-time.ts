import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

/** CPU time in seconds since some fixed moment. */
export interface CpuTime {
  /** Of all processes of the machine. */
  readonly everyone: number;
  /** Taken by the hypervisor for other machines. */
  readonly stolen: number;
  /** Of this process and everything it started. */
  readonly own: number;
}

/** Linux counts in hundredths of a second for user space, whatever the kernel's own tick. */
const ticksPerSecond = 100;

/** Reads Linux's counters. */
export function readCpuTime(): CpuTime {
  const line = readFileSync("/proc/stat", "utf8").split("\n", 1)[0]!;
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map((ticks) => Number(ticks) / ticksPerSecond);
  return { everyone: user + nice + system + irq + softirq, stolen: steal, own: processTreeTime(process.pid) };
}

/** Share of the machine that others took between two readings, `wall` seconds apart. */
export function foreignShare(before: CpuTime, after: CpuTime, wall: number): number {
  const foreign = after.everyone - before.everyone - (after.own - before.own);
  const stolen = after.stolen - before.stolen;
  return (Math.max(0, foreign) + stolen) / (wall * availableParallelism());
}

/** User and system time of the children that ended and were waited for, in seconds. */
export function endedChildrenTime(): number {
  const usage = processUsage(process.pid);
  return usage ? usage.endedChildren : 0;
}

interface ProcessUsage {
  readonly parent: number;
  readonly running: number;
  readonly endedChildren: number;
}

function processTreeTime(root: number): number {
  const usages = new Map<number, ProcessUsage>();
  for (const entry of readdirSync("/proc")) {
    const usage = /^\d+$/.test(entry) ? processUsage(Number(entry)) : undefined;
    if (usage) usages.set(Number(entry), usage);
  }
  const belongs = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined; at = usages.get(at)?.parent) {
      if (at === root) return true;
    }
    return false;
  };
  let total = 0;
  for (const [pid, { running, endedChildren }] of usages) {
    if (belongs(pid)) total += running + endedChildren;
  }
  return total;
}

function processUsage(pid: number): ProcessUsage | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    // It ended since the folder was listed.
    return undefined;
  }
  // The second field, the program's name, may hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const seconds = (field: number): number => Number(fields[field - 3]) / ticksPerSecond;
  return {
    parent: Number(fields[1]),
    running: seconds(14) + seconds(15),
    endedChildren: seconds(16) + seconds(17),
  };
}
