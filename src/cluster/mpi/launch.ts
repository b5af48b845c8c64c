import { spawn, type ChildProcess } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { ClusterError, UsageError } from "../../core/index.ts";
import { peerLostCode, resumes, saysPeerLost } from "./join-ranks.ts";
import { loadKoffi } from "./open-mpi.ts";

/** Where ranks are started. */
export interface Placement {
  /** How many on this host; left out where hosts are named. */
  readonly ranks?: number | undefined;
  /** Names of hosts, each with its number of ranks: `a:2,b:2`. */
  readonly hosts?: string | undefined;
  /** As ranks say it. */
  readonly goOn?: string | undefined;
}

/**
 * Starts ranks by Open MPI's mpirun, and waits for their end.
 *
 * mpirun is told to ask hosts from which it hears nothing, to bind no rank to a single core, and to leave ranks some seconds to
 * say why they end. An abort asks the ranks to stop, by the one signal that mpirun only hands on. Where a rank has lost a peer and
 * mpirun does not end in time after that, as it waits for a host to which the way is cut, it is ended.
 *
 * @param command A rank, as program and arguments.
 * @param signal Asks the ranks to stop.
 * @param atOnce Ends them as they are.
 * @returns its exit code
 * @throws ClusterError `cluster/no-mpi` without mpirun, `cluster/peer-lost` when a rank or a host is gone; UsageError
 *   `cluster/hosts`
 */
export async function launchRanks(
  command: readonly string[],
  placement: Placement,
  signal: AbortSignal,
  atOnce: AbortSignal,
): Promise<number> {
  // What every rank would say otherwise.
  await loadKoffi();
  signal.throwIfAborted();
  const env = { ...process.env, ...mpirunSettings(), ...ranksSettings() };
  const child = spawn("mpirun", [...mpirunArguments(placement, env), ...command], {
    // Its input stays open as long as this process lives, which the first rank sees.
    stdio: ["pipe", "inherit", "pipe"],
    env,
    // Of its own group: Ctrl-C comes to this process alone, which asks the ranks.
    detached: true,
  });
  const stop = (): void => void child.kill("SIGUSR2");
  const endAtOnce = (): void => endSession(child);
  signal.addEventListener("abort", stop, { once: true });
  atOnce.addEventListener("abort", endAtOnce, { once: true });
  const { isEnded, said } = endWhenStuck(child, patienceWith(env));
  const { code, killedBy } = await new Promise<{ code: number; killedBy: NodeJS.Signals | null }>(
    (resolve, reject) => {
      child.once("error", (cause) => {
        reject(
          new ClusterError(
            "cluster/no-mpi",
            `mpirun of Open MPI cannot be started (${cause.message}). Install it on every host: apt-get install openmpi-bin libopenmpi3 (Debian, Ubuntu), or the package openmpi elsewhere.`,
            { cause },
          ),
        );
      });
      child.once("exit", (exit, by) => {
        // Whoever still holds its streams is not waited for.
        const done = (): void => resolve({ code: exit ?? 1, killedBy: by });
        child.once("close", done);
        setTimeout(done, lastWords);
      });
    },
  ).finally(() => {
    signal.removeEventListener("abort", stop);
    atOnce.removeEventListener("abort", endAtOnce);
  });
  if (isEnded()) {
    child.stderr.destroy();
    const why = "mpirun still waited for a host that does not answer, and was ended";
    throw new ClusterError("cluster/peer-lost", `peer lost; ${placement.goOn ?? resumes} (${why})`);
  }
  if (signal.aborted) return code;
  if (unreached.test(said())) {
    throw new ClusterError(
      "cluster/unreached-host",
      `--hosts ${placement.hosts}: ssh cannot reach one of them, for the reason above, so no rank was started. Check the names, and that 'ssh HOST true' needs no password.`,
    );
  }
  const isStop = stopSignals.some((name) => code === 128 + constants.signals[name]);
  if (!isStop && (killedBy !== null || code === peerLostCode || code > 128)) {
    const byMpirun =
      code > 128 + lastSignal ? `mpirun ended with ${code}` : `one ended by signal ${code - 128}`;
    const how = killedBy ?? (code > 128 ? byMpirun : "one does not answer");
    throw new ClusterError("cluster/peer-lost", `peer lost; ${placement.goOn ?? resumes} (${how})`);
  }
  return code;
}

/** Set for ranks that `launchRanks` starts. */
export const starterVariable = "SSL_RESNEXT_STARTER";

/** Signals by which a rank is told to stop. */
const stopSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** Codes beyond 128 and this one stand for no signal. */
const lastSignal = 64;
/** What ssh says where it has not come to a host. */
const unreached = /^ssh: |^Host key verification failed|: Permission denied \(/m;

/** Milliseconds that mpirun has to end a job of which a rank has lost a peer, besides what it leaves the ranks between signals. */
const patience = 8000;
/** Milliseconds until the last words of an mpirun that has ended are no longer waited for. */
const lastWords = 1000;

/** Milliseconds until an mpirun counts as stuck: it ends ranks by three signals. */
const patienceWith = (env: NodeJS.ProcessEnv): number =>
  patience + 3000 * (Number(env["OMPI_MCA_odls_base_sigkill_timeout"]) || 1);

/**
 * Hands on what mpirun and its ranks say of errors, and ends it, with all that it started here, so many milliseconds after one of
 * them has said that it lost a peer.
 *
 * @returns whether it was ended, and the last of what was said
 */
function endWhenStuck(
  child: ChildProcess,
  limit: number,
): { readonly isEnded: () => boolean; readonly said: () => string } {
  let said = "";
  let timer: NodeJS.Timeout | undefined;
  let isEnded = false;
  const end = (): void => {
    isEnded = true;
    // It has tried to end the ranks already. One that is told to by SIGTERM, twice, crashes (4.1.4).
    endSession(child);
  };
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    process.stderr.write(text);
    said = (said + text).slice(-1000);
    if (!timer && saysPeerLost(said)) timer = setTimeout(end, limit);
  });
  child.once("exit", () => clearTimeout(timer));
  return { isEnded: () => isEnded, said: () => said };
}

/** Ends mpirun, and all that it started here. */
function endSession({ pid: leader }: ChildProcess): void {
  if (leader !== undefined) for (const pid of sessionOf(leader)) killIfThere(pid);
}

/** The processes of a session, which mpirun's ranks and its ssh share; where the system does not say, its group. */
function sessionOf(leader: number): readonly number[] {
  let names: readonly string[];
  try {
    names = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [-leader];
  }
  return names.map(Number).filter((pid) => {
    try {
      // Behind the name in brackets: state, parent, group, session.
      const [, , , session] = readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ");
      return Number(session) === leader;
    } catch {
      // It ended meanwhile.
      return false;
    }
  });
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended meanwhile.
  }
}

/** The arguments of mpirun before the command. @throws UsageError `cluster/hosts` */
export function mpirunArguments(
  { ranks, hosts }: Placement,
  env: NodeJS.ProcessEnv = process.env,
): readonly string[] {
  const places = hosts === undefined ? [{ host: "localhost", ranks: ranks! }] : parseHosts(hosts);
  const count = places.reduce((sum, place) => sum + place.ranks, 0);
  if (hosts !== undefined && ranks !== undefined && ranks !== count) {
    throw new UsageError(
      "cluster/hosts",
      `--ranks ${ranks} and --hosts ${hosts}, which are ${count} ranks: leave out one of them.`,
    );
  }
  const passed = hosts === undefined ? [] : Object.keys(env).filter((name) => passedOn.test(name));
  return [
    "--quiet",
    "--host",
    places.map((place) => `${place.host}:${place.ranks}`).join(","),
    "-np",
    `${count}`,
    "--bind-to",
    "none",
    ...passed.flatMap((name) => ["-x", name]),
  ];
}

/** Variables of this process that ranks on other hosts need as well. */
const passedOn =
  /^(SSL_RESNEXT_|AWS_|HF_|NODE_|NO_COLOR$|FORCE_COLOR$|XDG_CACHE_HOME$|PATH$|LD_LIBRARY_PATH$|(https?|all|no)_proxy$|SSL_CERT_FILE$|(REQUESTS|CURL)_CA_BUNDLE$)/i;

/** What ranks have to know of this process: that it is there, and that nobody sees colours, as mpirun gives them a terminal of its own. */
const ranksSettings = (): Readonly<Record<string, string>> => ({
  [starterVariable]: "1",
  ...(process.stdout.isTTY || process.env["FORCE_COLOR"] !== undefined ? {} : { NO_COLOR: "1" }),
});

/** Settings of Open MPI by environment; those that the caller has stay. */
function mpirunSettings(): Readonly<Record<string, string>> {
  const settings: Record<string, string> = {
    // Ways between hosts: asked after 10 s of silence, three times, 5 s apart.
    OMPI_MCA_oob_tcp_keepalive_time: "10",
    OMPI_MCA_oob_tcp_keepalive_intvl: "5",
    OMPI_MCA_oob_tcp_keepalive_probes: "3",
    // Seconds from one signal to the next when mpirun ends the others of a rank that is gone.
    OMPI_MCA_odls_base_sigkill_timeout: "3",
    // In a container the user often is root, which mpirun refuses else.
    ...(process.getuid?.() === 0 && { OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1" }),
  };
  return Object.fromEntries(Object.entries(settings).filter(([name]) => process.env[name] === undefined));
}

function parseHosts(text: string): readonly { readonly host: string; readonly ranks: number }[] {
  return text.split(",").map((part) => {
    const [, host, ranks = "1"] = /^(\w[\w.-]*|\[[\da-f:]+\])(?::(\d+))?$/i.exec(part.trim()) ?? [];
    if (host !== undefined && Number(ranks) > 0) return { host, ranks: Number(ranks) };
    throw new UsageError(
      "cluster/hosts",
      `--hosts: expected names of hosts with their numbers of ranks, as a:2,b:2; got ${JSON.stringify(part)}.`,
    );
  });
}
