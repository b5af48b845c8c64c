import type { Benchmark } from "../benchmark.ts";
import { photoFolder, photosOf } from "../fixtures/photos.ts";
import { weightFiles } from "../fixtures/weights.ts";
import { runCommand } from "../measure/command.ts";
import { commandLine } from "../paths.ts";

/** Memory over a long run. */
export const memory: Benchmark = {
  name: "memory",
  summary: "peak memory of `classify` on 10,000 photographs against 200 (5 minutes)",
  async run({ photos, quick }) {
    const { pth } = weightFiles();
    const sources = photosOf(photos);
    const results = [];
    for (const count of quick ? [50, 200] : [200, 10_000]) {
      const folder = photoFolder(sources, count);
      const args = ["classify", folder, "--model", "resnext50_32x4d", "--weights", pth, "--json"];
      const run = await runCommand(process.execPath, [commandLine, ...args], { memoryInterval: 20 });
      const answers = run.output.split("\n").filter((line) => line.includes('"predictions"')).length;
      if (answers !== count) throw new Error(`${count} photographs gave ${answers} predictions.`);
      results.push({ count, seconds: run.seconds, peakMemory: run.peakMemory });
    }
    const ratio = results[1]!.peakMemory / results[0]!.peakMemory;
    return {
      title: "Memory over a long run",
      columns: ["photographs", "peak resident memory, MB", "seconds", "images/s"],
      rows: results.map(({ count, seconds, peakMemory }) => [
        `${count}`,
        (peakMemory / 1e6).toFixed(0),
        seconds.toFixed(1),
        (count / seconds).toFixed(1),
      ]),
      targets: [
        {
          what: `peak on ${results[1]!.count} photographs over peak on ${results[0]!.count}`,
          wanted: "at most 1.10",
          measured: ratio.toFixed(2),
          met: ratio <= 1.1,
        },
      ],
      notes: ["The command line from start to end: seconds include starting and opening the weights."],
      data: results,
    };
  },
};
