import { join } from "node:path";
import type { Benchmark } from "../benchmark.ts";
import { photosOf } from "../fixtures/photos.ts";
import { weightFiles } from "../fixtures/weights.ts";
import { alternate, type Contestant } from "../measure/alternate.ts";
import { runCommand } from "../measure/command.ts";
import { endedChildrenTime } from "../measure/cpu-time.ts";
import { commandLine, peersFolder, python } from "../paths.ts";

/** From the start of the process to the first answer. */
export const start: Benchmark = {
  name: "start",
  summary: "process start to the first classified photograph; CPU time of --help",
  async run({ photos, quick }) {
    const { pth, legacyPth } = weightFiles();
    const photo = photosOf(photos)[0]!;
    const ours = (weights: string): readonly string[] => [
      commandLine,
      "classify",
      photo,
      "--model=resnext50_32x4d",
      `--weights=${weights}`,
      "--json",
    ];
    const script = join(peersFolder, "first_photo.py");
    const contestants = [
      commandContestant("ssl-resnext, .pth of 2019", process.execPath, ours(legacyPth)),
      commandContestant("ssl-resnext, zip .pth", process.execPath, ours(pth)),
      commandContestant("PyTorch, .pth of 2019", python, [script, legacyPth, photo]),
      commandContestant("PyTorch, zip .pth", python, [script, pth, photo]),
    ];
    const results = await alternate(contestants, { rounds: quick ? 1 : 7, warmup: 1 });
    const helpTime = await cpuTimeOfHelp(quick ? 3 : 20);
    const slower = Math.max(results[0]!.seconds, results[1]!.seconds);
    return {
      title: "From process start to the first classified photograph",
      columns: ["", "seconds", "slowest run", "undisturbed runs"],
      rows: results.map(({ name, seconds, slowest, undisturbed, disturbed }) => [
        name,
        seconds.toFixed(2),
        slowest.toFixed(2),
        `${undisturbed} of ${undisturbed + disturbed}`,
      ]),
      targets: [
        {
          what: "process start, 100 MB .pth opened, first photograph classified",
          wanted: "under 2.0 s",
          measured: `${slower.toFixed(2)} s`,
          met: slower < 2,
        },
        {
          what: "ssl-resnext --help, user and system time",
          wanted: "under 150 ms",
          measured: `${(helpTime * 1000).toFixed(0)} ms`,
          met: helpTime < 0.15,
        },
      ],
      notes: ["Files are in the page cache for all. Time ends with the first line of output."],
      data: { results, helpTime },
    };
  },
};

function commandContestant(name: string, program: string, args: readonly string[]): Contestant {
  return { name, run: async () => (await runCommand(program, args)).secondsToFirstOutput };
}

async function cpuTimeOfHelp(times: number): Promise<number> {
  const before = endedChildrenTime();
  for (let i = 0; i < times; i++) await runCommand(process.execPath, [commandLine, "--help"]);
  return (endedChildrenTime() - before) / times;
}
