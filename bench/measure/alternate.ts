import { setTimeout as sleep } from "node:timers/promises";
import { foreignShare, readCpuTime } from "./cpu-time.ts";
import { median } from "./statistics.ts";

/** One of the programs that are compared. */
export interface Contestant {
  readonly name: string;
  /** Does the work once and gives its time in seconds, measured where the work is done. */
  run(): Promise<number>;
}

export interface AlternateOptions {
  /** Undisturbed runs wanted of each contestant. */
  readonly rounds: number;
  /** Runs before the first that counts. @default 1 */
  readonly warmup?: number;
}

interface Sample {
  readonly seconds: number;
  /** Others took too much of the machine during this run. */
  readonly disturbed: boolean;
}

/** A contestant's results. */
export interface Result {
  readonly name: string;
  /** Median of the undisturbed runs; of all, when there was none. */
  readonly seconds: number;
  readonly fastest: number;
  readonly slowest: number;
  readonly undisturbed: number;
  readonly disturbed: number;
}

/** A run counts as disturbed when others took more than this share of the machine. */
const mostForeign = 0.05;
/** Rounds are repeated for disturbed runs up to this many times what was asked for. */
const patience = 2;
/** No round begins after so many seconds: a machine that is never quiet gives what it has. */
const timeLimit = 150;
/** Thread pools of the contestant before spin on for a moment. */
const pause = 50;

/**
 * Runs contestants in turn, A B C, B C A, …, so that whatever changes on the machine meets all of them.
 *
 * Rounds go on until each contestant has as many undisturbed runs as asked for, or patience ends.
 */
export async function alternate(
  contestants: readonly Contestant[],
  { rounds, warmup = 1 }: AlternateOptions,
): Promise<readonly Result[]> {
  for (let i = 0; i < warmup; i++) {
    for (const contestant of contestants) await contestant.run();
  }
  const samples = new Map<Contestant, Sample[]>(contestants.map((contestant) => [contestant, []]));
  const enough = (): boolean =>
    [...samples.values()].every((list) => list.filter(({ disturbed }) => !disturbed).length >= rounds);

  const start = performance.now();
  const outOfTime = (): boolean => performance.now() - start > timeLimit * 1000;
  for (let round = 0; round < rounds * patience && !enough(); round++) {
    if (round > 0 && outOfTime()) break;
    const first = round % contestants.length;
    for (const contestant of [...contestants.slice(first), ...contestants.slice(0, first)]) {
      await sleep(pause);
      samples.get(contestant)!.push(await sample(contestant));
    }
  }
  return contestants.map((contestant) => summarise(contestant.name, samples.get(contestant)!));
}

async function sample(contestant: Contestant): Promise<Sample> {
  const before = readCpuTime();
  const start = performance.now();
  const seconds = await contestant.run();
  const wall = (performance.now() - start) / 1000;
  return { seconds, disturbed: foreignShare(before, readCpuTime(), wall) > mostForeign };
}

function summarise(name: string, samples: readonly Sample[]): Result {
  const undisturbed = samples.filter(({ disturbed }) => !disturbed);
  const counted = (undisturbed.length > 0 ? undisturbed : samples).map(({ seconds }) => seconds);
  return {
    name,
    seconds: median(counted),
    fastest: Math.min(...counted),
    slowest: Math.max(...counted),
    undisturbed: undisturbed.length,
    disturbed: samples.length - undisturbed.length,
  };
}
