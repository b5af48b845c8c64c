import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ended, type CliRun } from "./run-cli.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** Why ranks cannot be started here; undefined where they can. */
export function mpiMissing(): string | undefined {
  const { stdout, error } = spawnSync("mpirun", ["--version"], { encoding: "utf8" });
  if (error || !stdout.includes("Open MPI")) return "there is no mpirun of Open MPI (Debian: openmpi-bin)";
  return undefined;
}

/** Of an mpirun, and of its ranks. */
export const rankEnvironment = {
  ...process.env,
  OMPI_ALLOW_RUN_AS_ROOT: "1",
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1",
  SSL_RESNEXT_OFFLINE: "1",
  NO_COLOR: "1",
};

/** Runs command lines as the ranks of one job, by mpirun itself, to their end. */
export function runRanks(...lines: readonly (readonly string[])[]): Promise<CliRun> {
  const programs = lines.flatMap((line, rank) => {
    const program = ["-np", "1", process.execPath, main, ...line];
    return rank > 0 ? [":", ...program] : program;
  });
  const settings = ["--quiet", "--host", `localhost:${lines.length}`, "--bind-to", "none"];
  const child = spawn("mpirun", [...settings, ...programs], { env: rankEnvironment });
  child.stdin.end();
  return ended(child);
}

/** The processes that a process has started. */
const childrenOf = (pid: number): readonly number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);

/** The ranks of a command line with `--ranks`, by process. */
export function ranksOf({ pid }: { readonly pid?: number | undefined }): readonly number[] {
  const [mpirun] = childrenOf(pid!);
  return mpirun === undefined ? [] : childrenOf(mpirun);
}
