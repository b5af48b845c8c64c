import { availableParallelism, cpus, hostname } from "node:os";
import { ClusterError } from "../../core/index.ts";
import { openMpi, type OpenMpi } from "./open-mpi.ts";

/** Exit code of a rank that lost a peer: the run is as it was saved last, and may be started again. */
export const peerLostCode = 75;

/** What a rank that lost a peer says first, behind which rank it is. */
const peerLost = "peer lost; ";

/** Whether a rank says in a text that it lost a peer. */
export const saysPeerLost = (text: string): boolean =>
  new RegExp(`rank \\d+ of \\d+: ${peerLost}`).test(text);

/** How a training is gone on with after a peer was lost. */
export const resumes = "start again with --resume";

/** This process as one of those that train a network together. */
export interface JoinedRanks {
  readonly rank: number;
  readonly size: number;
  /** How many of the ranks are on this host. */
  readonly onHost: number;
  /** The cores that this one may use: its share, or those that it was bound to, if these are fewer. */
  readonly cores: number;
  /** Aborted on every rank in the same `sum` or `gather` once one of them was told to stop. */
  readonly signal: AbortSignal;
  /** Aborted on each rank by itself, as soon as it hears that one of them was told to stop: for what they do not do together. */
  readonly stopAsked: AbortSignal;
  /**
   * Sums each element over all ranks, in place; the sums are the same bits everywhere.
   *
   * @throws what `signal` gives, instead of summing; {@link PeerFailed}
   */
  sum(values: Float32Array): Promise<void>;
  /** The bytes of every rank, by rank, whether or not the ranks are to stop. @throws {@link PeerFailed} */
  gather(bytes: Uint8Array): Promise<readonly Uint8Array[]>;
  /**
   * Waits for all ranks a last time.
   *
   * @param failure Exit code of this rank, if what it did failed by itself
   * @returns what the lowest rank that failed says; undefined when none did
   */
  conclude(failure: number | undefined): Promise<Failure | undefined>;
  /**
   * Leaves the job, after `conclude`, when it is to end with an exit code.
   *
   * mpirun ends the others of a rank that fails, and takes seconds for it: so the first rank has the code of all, and is the
   * last to end.
   *
   * @returns the exit code of this process
   */
  leave(exitCode: number): Promise<number>;
}

/** A rank that failed, and with which exit code. */
interface Failure {
  readonly rank: number;
  readonly code: number;
}

/** What ends the work of a rank when another one failed, which tells what happened. */
export class PeerFailed extends Error {}

/** What ends the work of a rank when another one was told to stop. */
export class PeerStopped extends Error {
  /** Of the rank that was told. */
  readonly exitCode: number;

  constructor(exitCode: number) {
    super("interrupted");
    this.exitCode = exitCode;
  }
}

export interface JoinOptions {
  /** Seconds without a sign of life of a peer after which it counts as lost. @default 60 */
  readonly peerTimeout?: number | undefined;
  /** How the command is gone on with after a peer was lost. @default "start again with --resume" */
  readonly goOn?: string | undefined;
  /** Tells this rank to stop; its reason may have an `exitCode`. */
  readonly signal: AbortSignal;
  /** Called once a peer is lost; the process ends with {@link peerLostCode} when it returns. */
  readonly onPeerLost: (error: ClusterError) => void;
}

/** Milliseconds from one sign of life of a rank to the next. */
const beat = 500;
/** Milliseconds between looks at a message, of a rank that is at work, and of one that waits to go on. */
const [workingPause, waitingPause] = [20, 1];
/** Milliseconds of looking without a pause, before a rank that waits leaves its core to others. */
const spinning = 2;
/** Milliseconds that the peers of a rank that was told to stop have for an answer: it may be because they are gone. */
const stopPatience = 10_000;
/** Milliseconds that leaving the job may take, and those by which the first rank ends after the others. */
const [leavePatience, lastToEnd] = [1000, 300];
/** Elements that are summed at once: peers are given up by how long such a part takes, not all of them. */
const partLength = 2 ** 25;
const none = Number.MAX_SAFE_INTEGER;
/** More than any exit code. */
const codes = 256;

/**
 * Joins the job that this process was started in as a rank.
 *
 * Twice a second, whatever they are doing, all ranks take the least of three numbers together: whether each of them has
 * come to its next exchange, which of them failed, and which was told to stop. So a rank is free to take its time, with a
 * checkpoint or a slow disk, as long as it lives; and one that does not answer within the time limit is dead or cut off.
 *
 * @throws ClusterError `cluster/no-koffi`, `cluster/no-mpi`, `cluster/other-mpi`, `cluster/mpi`
 */
export async function joinRanks(options: JoinOptions): Promise<JoinedRanks> {
  const mpi = await openMpi();
  const { rank, size } = mpi;
  const stop = new AbortController();
  const asked = new AbortController();
  const rounds = beginRounds(mpi, options, (stopCode) => {
    if (!options.signal.aborted) asked.abort(new PeerStopped(stopCode));
  });
  /** Notes, on every rank in the same meeting, that one of them was told to stop. */
  const noteStop = ({ stopCode }: Round): void => {
    if (stopCode === undefined) return;
    stop.abort(options.signal.aborted ? options.signal.reason : new PeerStopped(stopCode));
  };
  const hosts = await rounds.meet(() => mpi.gather(new TextEncoder().encode(hostname())));
  const names = hosts.map((bytes) => new TextDecoder().decode(bytes));
  const onHost = names.filter((name) => name === names[rank]).length;
  const share = Math.max(1, Math.floor(cpus().length / onHost));
  return {
    rank,
    size,
    onHost,
    cores: Math.min(availableParallelism(), share),
    signal: stop.signal,
    stopAsked: AbortSignal.any([options.signal, asked.signal]),
    sum: (values) =>
      rounds.meet(async (round) => {
        noteStop(round);
        stop.signal.throwIfAborted();
        for (let start = 0; start < values.length; start += partLength) {
          await rounds.watch(mpi.sum(values.subarray(start, start + partLength)));
        }
      }),
    gather: (bytes) =>
      rounds.meet((round) => {
        noteStop(round);
        return rounds.watch(mpi.gather(bytes));
      }),
    conclude: (failure) => rounds.end(failure),
    async leave(exitCode) {
      const code = rank === 0 ? exitCode : 0;
      // An mpirun that was told to end the job answers nobody any more.
      const timer = setTimeout(() => mpi.exit(code), leavePatience);
      await mpi.finalize();
      clearTimeout(timer);
      if (code !== 0) await pause(lastToEnd);
      return code;
    },
  };
}

/** What all ranks know after a round. */
interface Round {
  /** Whether every rank has come to its next exchange. */
  readonly isMet: boolean;
  readonly failure: Failure | undefined;
  /** Exit code that a rank ends with that was told to stop. */
  readonly stopCode: number | undefined;
}

interface Rounds {
  /** Waits until every rank is here, then does what they do together. @throws PeerFailed */
  meet<T>(together: (round: Round) => Promise<T>): Promise<T>;
  /** Gives up a peer when something that all ranks are at takes longer than the time limit. */
  watch<T>(work: Promise<T>): Promise<T>;
  /** Waits for every rank a last time. @returns the failure of the lowest rank that had one */
  end(failure: number | undefined): Promise<Failure | undefined>;
}

/** @param onStop Called after each round in which a rank says that it was told to stop. */
function beginRounds(
  mpi: OpenMpi,
  { peerTimeout = 60, goOn = resumes, signal, onPeerLost }: JoinOptions,
  onStop: (stopCode: number) => void,
): Rounds {
  const limit = peerTimeout * 1000;
  let failure: number | undefined;
  /** What a round has shown; it ends the work of every rank. */
  let shown: Failure | undefined;
  let waiting: { resolve(round: Round): void; reject(error: Error): void } | undefined;
  let wake = (): void => undefined;
  let stoppedAt = Infinity;
  const noteStop = (): void => {
    stoppedAt = Math.min(stoppedAt, performance.now());
  };
  if (signal.aborted) noteStop();
  else signal.addEventListener("abort", noteStop, { once: true });

  /** Never settles: nothing that waits for a lost peer goes on. */
  const giveUp = (reason: string): Promise<never> => {
    onPeerLost(
      new ClusterError(
        "cluster/peer-lost",
        `rank ${mpi.rank} of ${mpi.size}: ${peerLost}${goOn} (${reason})`,
      ),
    );
    mpi.exit(peerLostCode);
    return new Promise(() => undefined);
  };
  const isOverdue = (since: number): boolean => {
    const now = performance.now();
    return now - since > limit || now - Math.max(since, stoppedAt) > Math.min(limit, stopPatience);
  };
  const silent = `no answer for ${peerTimeout} s`;

  const watch = async <T>(work: Promise<T>): Promise<T> => {
    const began = performance.now();
    const timer = setInterval(() => {
      if (isOverdue(began)) void giveUp(silent);
    }, beat / 2);
    try {
      return await work;
    } catch (error) {
      return await giveUp((error as Error).message);
    } finally {
      clearInterval(timer);
    }
  };

  const round = async (): Promise<Round> => {
    const began = performance.now();
    const reason = signal.reason as { readonly exitCode?: number } | undefined;
    const values = Float64Array.of(
      waiting ? 1 : 0,
      failure === undefined ? none : mpi.rank * codes + failure,
      signal.aborted ? (reason?.exitCode ?? 1) : none,
    );
    try {
      for (const isDone = mpi.min(values); !isDone();) {
        if (isOverdue(began)) await giveUp(silent);
        await pause(waiting ? (performance.now() - began < spinning ? 0 : waitingPause) : workingPause);
      }
    } catch (error) {
      await giveUp((error as Error).message);
    }
    const [met, failed, stopped] = values as unknown as [number, number, number];
    if (stopped !== none) onStop(stopped);
    return {
      isMet: met === 1,
      failure: failed === none ? undefined : { rank: Math.floor(failed / codes), code: failed % codes },
      stopCode: stopped === none ? undefined : stopped,
    };
  };

  /** Rounds until all ranks have met. */
  const run = async (): Promise<void> => {
    for (;;) {
      if (!waiting) await new Promise<void>((resolve) => void (wake = sleep(resolve, beat)));
      const result = await round();
      if (result.failure && !shown) {
        shown = result.failure;
        failure = undefined;
      }
      if (!waiting) continue;
      if (result.failure) waiting.reject(new PeerFailed());
      else if (result.isMet) waiting.resolve(result);
      else continue;
      waiting = undefined;
      return;
    }
  };
  let running = run();

  const meet = async <T>(together: (round: Round) => Promise<T>): Promise<T> => {
    if (shown) throw new PeerFailed();
    const met = new Promise<Round>((resolve, reject) => void (waiting = { resolve, reject }));
    wake();
    try {
      return await together(await met);
    } finally {
      await running;
      running = run();
    }
  };

  return {
    meet,
    watch,
    async end(code) {
      if (!shown) failure = code;
      for (;;) {
        const before = shown;
        const met = new Promise<Round>((resolve, reject) => void (waiting = { resolve, reject }));
        wake();
        try {
          await met;
        } catch {
          // Shown to all in this round; in the next one nobody has anything to add.
        }
        await running;
        if (shown === before) return shown;
        running = run();
      }
    },
  };
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise(
    (resolve) => void (milliseconds === 0 ? setImmediate(resolve) : setTimeout(resolve, milliseconds)),
  );

/** Calls back after so many milliseconds, or at once when the result is called. */
function sleep(resolve: () => void, milliseconds: number): () => void {
  const timer = setTimeout(resolve, milliseconds);
  return () => {
    clearTimeout(timer);
    resolve();
  };
}
