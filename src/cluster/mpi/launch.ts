import { spawn } from "node:child_process";
import { ClusterError, UsageError } from "../../core/index.ts";
import { peerLostCode, resumes } from "./join-ranks.ts";
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
 * say why they end. An abort asks the ranks to stop, by the one signal that mpirun only hands on.
 *
 * @param command A rank, as program and arguments.
 * @returns its exit code
 * @throws ClusterError `cluster/no-mpi` without mpirun, `cluster/peer-lost` when a rank or a host is gone; UsageError
 *   `cluster/hosts`
 */
export async function launchRanks(
  command: readonly string[],
  placement: Placement,
  signal: AbortSignal,
): Promise<number> {
  // What every rank would say otherwise.
  await loadKoffi();
  signal.throwIfAborted();
  const child = spawn("mpirun", [...mpirunArguments(placement), ...command], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...mpirunSettings() },
    // Of its own group: Ctrl-C comes to this process alone, which asks the ranks.
    detached: true,
  });
  const stop = (): void => void child.kill("SIGUSR2");
  signal.addEventListener("abort", stop, { once: true });
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
      child.once("close", (exit, by) => resolve({ code: exit ?? 1, killedBy: by }));
    },
  ).finally(() => signal.removeEventListener("abort", stop));
  const isStop = code === 130 || code === 143;
  if (!signal.aborted && !isStop && (killedBy !== null || code === peerLostCode || code > 128)) {
    const how = killedBy ?? (code > 128 ? `one ended by signal ${code - 128}` : "one does not answer");
    throw new ClusterError("cluster/peer-lost", `peer lost; ${placement.goOn ?? resumes} (${how})`);
  }
  return code;
}

/** The arguments of mpirun before the command. @throws UsageError `cluster/hosts` */
export function mpirunArguments({ ranks, hosts }: Placement): readonly string[] {
  const places = hosts === undefined ? [{ host: "localhost", ranks: ranks! }] : parseHosts(hosts);
  const count = places.reduce((sum, place) => sum + place.ranks, 0);
  if (hosts !== undefined && ranks !== undefined && ranks !== count) {
    throw new UsageError(
      "cluster/hosts",
      `--ranks ${ranks} and --hosts ${hosts}, which are ${count} ranks: leave out one of them.`,
    );
  }
  const passed = hosts === undefined ? [] : Object.keys(process.env).filter((name) => passedOn.test(name));
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
  /^(SSL_RESNEXT_|HF_|NODE_|NO_COLOR$|FORCE_COLOR$|XDG_CACHE_HOME$|PATH$|LD_LIBRARY_PATH$|https?_proxy$|no_proxy$)/i;

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
