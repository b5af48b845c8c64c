import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Benchmark } from "../benchmark.ts";
import { exchanged, twoHosts, twoRanksHere, wire } from "../fixtures/two-hosts.ts";
import { alternate, type Contestant } from "../measure/alternate.ts";
import { runCommand } from "../measure/command.ts";
import { median } from "../measure/statistics.ts";
import { commandLine, repository } from "../paths.ts";

/** Images of a step of each rank, and steps of a run; the first ones warm up. */
const [batch, steps, untimed] = [8, 8, 2];

interface Row {
  readonly type: string;
  readonly imagesPerSecond: number;
}

/** Training ResNeXt-50 by two ranks, on one host and on two. */
export const mpiTrain: Benchmark = {
  name: "mpi-train",
  summary: "training ResNeXt-50 at batch 8 a rank: one process, two ranks here, and on two hosts at 1 Gbit/s",
  async run({ quick, photos }) {
    const data = resolve(repository, photos, "../cifar10/labelled-4000.tar");
    if (!existsSync(data)) throw new Error(`There is no ${data}.`);
    const folder = mkdtempSync(join(tmpdir(), "ssl-resnext-bench-"));
    using hosts = twoHosts();
    const line = (ranks: number, threads: number): readonly string[] =>
      [
        [process.execPath, commandLine, "train", data, "-m", "resnext50_32x4d", "--scratch", "--json"],
        ["--recipe", "quick", "--images", `${steps * batch * ranks}`, "--batch-size", `${batch * ranks}`],
        ["--validation-share", "0", "--threads", `${threads}`],
      ].flat();
    const setups = {
      "one process, 2 threads": line(1, 2),
      "one process, 1 thread": line(1, 1),
      "two ranks of 1 thread, shared memory": [...twoRanksHere("none"), ...line(2, 1)],
      ...(hosts ? { "two ranks of 1 thread, 1 Gbit/s": [...hosts.start, ...line(2, 1)] } : {}),
    };
    let runs = 0;
    try {
      const contestants = Object.entries(setups).map(([name, [program, ...words]]): Contestant => ({
        name,
        async run() {
          const { output } = await runCommand(program!, [...words, "-o", join(folder, `${runs++}`)]);
          return 1 / imagesPerSecond(output);
        },
      }));
      const results = await alternate(contestants, { rounds: quick ? 1 : 3, warmup: 0 });
      const secondsOf = (name: string): number => results.find((result) => result.name === name)!.seconds;
      // Two ranks compute side by side, and each sends and gets every gradient once.
      const predicted =
        (2 * batch) / (batch * secondsOf("one process, 1 thread") + (4 * 8 * exchanged) / wire);
      return {
        title: "Training by two ranks",
        columns: ["", "images/s", "undisturbed runs"],
        rows: results.map(({ name, seconds, undisturbed, disturbed }) => [
          name,
          (1 / seconds).toFixed(2),
          `${undisturbed} of ${undisturbed + disturbed}`,
        ]),
        targets: [],
        notes: [
          `By bytes and bandwidth two ranks of 1 thread come to ${predicted.toFixed(2)} images/s at 1 Gbit/s.`,
          ...(hosts ? [] : ["Two hosts are left out: network namespaces need root and iproute2."]),
        ],
        data: results,
      };
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

function imagesPerSecond(output: string): number {
  const rows = output
    .split("\n")
    .filter((text) => text.startsWith("{"))
    .map((text) => JSON.parse(text) as Row)
    .filter(({ type }) => type === "step");
  return median(rows.slice(untimed).map((row) => row.imagesPerSecond));
}
