import { Socket } from "node:net";
import { isRank } from "../../cluster/mpi/is-rank.ts";
import type { JoinedRanks } from "../../cluster/mpi/join-ranks.ts";
import type { Placement } from "../../cluster/mpi/launch.ts";
import { SslResnextError, UsageError } from "../../core/index.ts";
import type { OptionValues, Outcome } from "../options/command.ts";
import type { ranksOptions } from "../options/model-options.ts";
import { exitCodeOf, reportFailure } from "../output/report-failure.ts";
import { Interrupted, Silent, silent, stopSignals, type Terminal } from "../output/terminal.ts";

/** Does the part of one rank, or of the only process there is. */
type Work = (ranks: JoinedRanks | undefined, terminal: Terminal) => Promise<Outcome>;

/** What a command line says of ranks. */
type RanksOptions = Partial<OptionValues<typeof ranksOptions>> & {
  /** How the command is gone on with after a peer was lost. @default "start again with --resume" */
  readonly goOn?: string | undefined;
};

/**
 * Does the work in this process alone; or as a rank, where it was started as one; or starts the ranks that are asked for, each of
 * which runs this command line.
 *
 * @throws UsageError `cluster/no-effect`, `cluster/hosts`, `cluster/other-launcher`; ClusterError
 */
export async function withRanks(
  { ranks, hosts, peerTimeout, goOn }: RanksOptions,
  terminal: Terminal,
  work: Work,
): Promise<Outcome> {
  if (isRank()) return asRank({ peerTimeout, goOn }, terminal, work);
  if (ranks !== undefined || hosts !== undefined) return startRanks({ ranks, hosts, goOn }, terminal);
  if (peerTimeout === undefined) return work(undefined, terminal);
  throw new UsageError(
    "cluster/no-effect",
    "--peer-timeout: no effect on one process alone; give --ranks or --hosts, or leave it out.",
  );
}

/** As a rank: the first one alone prints, a failure is told by the one that had it, and all stop when one is told to. */
async function asRank({ peerTimeout, goOn }: RanksOptions, terminal: Terminal, work: Work): Promise<Outcome> {
  // Loaded where there are several processes.
  const { joinRanks, PeerFailed, PeerStopped } = await import("../../cluster/mpi/join-ranks.ts");
  const { starterVariable } = await import("../../cluster/mpi/launch.ts");
  const told = new AbortController();
  // The one signal that mpirun only hands on; the others end the job after a moment.
  process.once("SIGUSR2", () => told.abort(new Interrupted("SIGTERM")));
  if (process.env[starterVariable]) whenStdinEnds(() => told.abort(new Interrupted("SIGHUP")));
  const ranks = await joinRanks({
    peerTimeout,
    goOn,
    signal: AbortSignal.any([terminal.signal, told.signal]),
    onPeerLost: (error) => terminal.notice(`${terminal.noticeStyle.failure("error:")} ${error.message}`),
  });
  let outcome: Outcome = "ok";
  let error: unknown;
  try {
    const signal = AbortSignal.any([terminal.signal, ranks.signal]);
    outcome = await work(ranks.size > 1 ? ranks : undefined, {
      ...(ranks.rank === 0 ? terminal : silent(terminal)),
      signal,
    });
  } catch (thrown) {
    error = thrown;
  }
  // A stop that all have agreed on is nobody's failure.
  const stopCode = error instanceof Interrupted || error instanceof PeerStopped ? error.exitCode : undefined;
  const isOwn =
    error !== undefined &&
    !(error instanceof PeerFailed) &&
    !(stopCode !== undefined && ranks.signal.aborted);
  const failure = await ranks.conclude(isOwn ? (stopCode ?? exitCodeOf(error)) : undefined);
  const isTeller = failure ? failure.rank === ranks.rank : ranks.rank === 0;
  if (isTeller && stopCode !== undefined) terminal.notice("interrupted");
  else if (isTeller && failure) reportFailure(named(error, ranks), terminal);
  const code = await ranks.leave(failure?.code ?? stopCode ?? 0);
  if (failure || stopCode !== undefined) throw new Silent(code);
  return outcome;
}

/** mpirun hands its standard input on to the first rank, which so sees the end of whoever started it; the others have none. */
function whenStdinEnds(stop: () => void): void {
  const { stdin } = process;
  if (stdin instanceof Socket) stdin.once("close", stop).on("error", stop).resume().unref();
}

/** Starts the ranks of this very command line, and waits for them. */
async function startRanks(placement: Placement, terminal: Terminal): Promise<Outcome> {
  const { launchRanks } = await import("../../cluster/mpi/launch.ts");
  const atOnce = new AbortController();
  // Who asks a second time does not want to wait.
  const onStop = (): void => {
    for (const name of stopSignals) process.once(name, () => atOnce.abort());
  };
  terminal.signal.addEventListener("abort", onStop, { once: true });
  const code = await launchRanks(process.argv, placement, terminal.signal, atOnce.signal);
  if (code === 0) return "ok";
  // The ranks have said why.
  const reason: unknown = terminal.signal.reason;
  throw new Silent(reason instanceof Interrupted ? reason.exitCode : code);
}

/** The error of another rank than the first, which says which one. */
function named(error: unknown, { rank, size }: JoinedRanks): unknown {
  if (rank > 0 && error instanceof SslResnextError)
    error.message = `rank ${rank} of ${size}: ${error.message}`;
  return error;
}
