import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Benchmark } from "../benchmark.ts";
import { alternate, type Contestant } from "../measure/alternate.ts";
import { runCommand } from "../measure/command.ts";
import { exchanged, twoHosts, twoRanksHere, wire } from "../fixtures/two-hosts.ts";
import { cacheFolder, repository } from "../paths.ts";

const rounds = 3;

/** The all-reduce of ResNeXt-50's gradients between two ranks, beside Open MPI in C. */
export const mpi: Benchmark = {
  name: "mpi",
  summary: "all-reduce of ResNeXt-50's gradients between two ranks, beside Open MPI in C and the wire",
  async run({ quick }) {
    mkdirSync(cacheFolder, { recursive: true });
    const program = fileURLToPath(new URL("../programs/all-reduce.js", import.meta.url));
    const ours = [process.execPath, program, `${exchanged}`, `${rounds}`, repository];
    const inC = compiled();
    using hosts = twoHosts();
    const places = [{ name: "shared memory", start: twoRanksHere("core") }, ...(hosts ? [hosts] : [])];
    const rows: string[][] = [];
    const data: unknown[] = [];
    for (const { name, start } of places) {
      const contestants: Contestant[] = [
        { name: `ssl-resnext, ${name}`, run: () => timeOf([...start, ...ours]) },
        ...(inC
          ? [{ name: `C, ${name}`, run: () => timeOf([...start, inC, `${exchanged}`, `${rounds}`]) }]
          : []),
      ];
      const results = await alternate(contestants, { rounds: quick ? 1 : 5, warmup: 1 });
      data.push(...results);
      const least = name === "shared memory" ? undefined : (4 * 8 * exchanged) / wire;
      for (const { name: what, seconds, fastest, slowest, undisturbed, disturbed } of results) {
        const share = least === undefined ? "–" : `${((100 * least) / seconds).toFixed(0)} %`;
        const times = [seconds, fastest, slowest].map((value) => value.toFixed(3));
        rows.push([what, ...times, share, `${undisturbed} of ${undisturbed + disturbed}`]);
      }
    }
    return {
      title: "All-reduce of 100 MB between two ranks",
      columns: ["", "seconds", "fastest", "slowest", "of the wire's speed", "undisturbed runs"],
      rows,
      targets: [],
      notes: [
        ...(inC ? [] : ["C is left out: there is no mpicc (Debian: libopenmpi-dev, gcc)."]),
        ...(hosts ? [] : ["Two hosts are left out: network namespaces need root and iproute2."]),
        "In shared memory each rank is bound to a core, so that two which wait for one another are not put onto the same one.",
      ],
      data,
    };
  },
};

async function timeOf([program, ...line]: readonly string[]): Promise<number> {
  return Number((await runCommand(program!, line)).output);
}

/** The same in C; undefined without a compiler. */
function compiled(): string | undefined {
  const source = join(repository, "bench/programs/all-reduce.c");
  const program = join(cacheFolder, "all-reduce");
  return spawnSync("mpicc", ["-O2", source, "-o", program]).status === 0 ? program : undefined;
}
