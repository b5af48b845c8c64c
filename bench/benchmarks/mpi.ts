import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Benchmark } from "../benchmark.ts";
import { alternate, type Contestant } from "../measure/alternate.ts";
import { runCommand } from "../measure/command.ts";
import { cacheFolder, repository } from "../paths.ts";

/** Gradients and running statistics of ResNeXt-50 32x4d, as floats. */
const elements = 25_097_128;
/** Bits a second between the two hosts. */
const wire = 1e9;
const rounds = 3;

/** The all-reduce of ResNeXt-50's gradients between two ranks, beside Open MPI in C. */
export const mpi: Benchmark = {
  name: "mpi",
  summary: "all-reduce of ResNeXt-50's gradients between two ranks, beside Open MPI in C and the wire",
  async run({ quick }) {
    mkdirSync(cacheFolder, { recursive: true });
    process.env["OMPI_ALLOW_RUN_AS_ROOT"] = process.env["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1";
    const program = fileURLToPath(new URL("../programs/all-reduce.js", import.meta.url));
    const ours = [process.execPath, program, `${elements}`, `${rounds}`, repository];
    const inC = compiled();
    using hosts = twoHosts();
    const places = [{ name: "shared memory", start: sharedMemory }, ...(hosts ? [hosts] : [])];
    const rows: string[][] = [];
    const data: unknown[] = [];
    for (const { name, start } of places) {
      const contestants: Contestant[] = [
        { name: `ssl-resnext, ${name}`, run: () => timeOf([...start, ...ours]) },
        ...(inC
          ? [{ name: `C, ${name}`, run: () => timeOf([...start, inC, `${elements}`, `${rounds}`]) }]
          : []),
      ];
      const results = await alternate(contestants, { rounds: quick ? 1 : 5, warmup: 1 });
      data.push(...results);
      const least = name === "shared memory" ? undefined : (4 * 8 * elements) / wire;
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
        "Each rank has one of the machine's cores where there are two.",
      ],
      data,
    };
  },
};

const mpirun = ["mpirun", "--quiet", "--bind-to", "none", "-np", "2"];
const sharedMemory = [...mpirun, "--host", "localhost:2"];

async function timeOf([program, ...line]: readonly string[]): Promise<number> {
  return Number((await runCommand(program!, line)).output);
}

/** The same in C; undefined without a compiler. */
function compiled(): string | undefined {
  const source = join(repository, "bench/programs/all-reduce.c");
  const program = join(cacheFolder, "all-reduce");
  return spawnSync("mpicc", ["-O2", source, "-o", program]).status === 0 ? program : undefined;
}

/** Two hosts with a wire between: network namespaces, taken away in the end. Undefined where these cannot be made. */
function twoHosts(): ({ readonly name: string; readonly start: readonly string[] } & Disposable) | undefined {
  const [first, second] = ["ssl-resnext-1", "ssl-resnext-2"];
  const ip = (...line: readonly string[]): void => void execFileSync("ip", line, { stdio: "ignore" });
  const remove = (): void => {
    for (const name of [first, second]) spawnSync("ip", ["netns", "del", name], { stdio: "ignore" });
  };
  const rate = ["tbf", "rate", `${wire}bit`, "burst", "256kb", "latency", "50ms"];
  try {
    ip("netns", "add", first);
    ip("netns", "add", second);
    ip("link", "add", "ssl1", "netns", first, "type", "veth", "peer", "name", "ssl2", "netns", second);
    for (const [index, name] of [first, second].entries()) {
      const link = `ssl${index + 1}`;
      ip("-n", name, "addr", "add", `10.77.0.${index + 1}/24`, "dev", link);
      ip("-n", name, "link", "set", link, "up");
      ip("-n", name, "link", "set", "lo", "up");
      execFileSync("ip", ["netns", "exec", name, "tc", "qdisc", "add", "dev", link, "root", ...rate]);
    }
  } catch {
    remove();
    return undefined;
  }
  const agent = join(cacheFolder, "enter-host.sh");
  const enter = (name: string): string => `exec ip netns exec ${name} unshare --uts sh -c`;
  writeFileSync(
    agent,
    `#!/bin/sh\nhost=$1; shift\nname=ssl-resnext-\${host##*.}\n${enter("$name")} "hostname $name; $*"\n`,
    { mode: 0o755 },
  );
  const network = ["btl_tcp_if_include", "oob_tcp_if_include"].flatMap((key) => [
    "--mca",
    key,
    "10.77.0.0/24",
  ]);
  const start = ["ip", "netns", "exec", first, "unshare", "--uts", "sh", "-c"];
  const inner = `hostname ${first}; exec "$@"`;
  const line = [...mpirun, "--host", "10.77.0.1:1,10.77.0.2:1", "--mca", "plm_rsh_agent", agent, ...network];
  return { name: "1 Gbit/s", start: [...start, inner, "sh", ...line], [Symbol.dispose]: remove };
}
