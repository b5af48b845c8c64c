import { statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Benchmark } from "../benchmark.ts";
import { weightFiles } from "../fixtures/weights.ts";
import { runCommand } from "../measure/command.ts";
import { median } from "../measure/statistics.ts";
import { peersFolder, python } from "../paths.ts";

interface Memory {
  /** Resident memory with the library loaded, in kB. */
  readonly idle: number;
  readonly peak: number;
}

/** Peak memory of opening a weights file. */
export const load: Benchmark = {
  name: "load",
  summary: "peak memory of opening a 100 MB .pth",
  async run({ quick }) {
    const { pth, legacyPth } = weightFiles();
    const program = fileURLToPath(new URL("../programs/load-model.js", import.meta.url));
    const script = join(peersFolder, "load_model.py");
    const cases = [
      {
        name: "ssl-resnext, .pth of 2019",
        file: legacyPth,
        command: [process.execPath, program, legacyPth, "1"],
      },
      { name: "ssl-resnext, zip .pth", file: pth, command: [process.execPath, program, pth, "1"] },
      {
        name: "ssl-resnext, zip .pth, a session for each core",
        file: pth,
        command: [process.execPath, program, pth],
      },
      { name: "PyTorch, .pth of 2019", file: legacyPth, command: [python, script, legacyPth] },
      { name: "PyTorch, zip .pth", file: pth, command: [python, script, pth] },
    ];
    const results = [];
    for (const { name, file, command } of cases) {
      const runs: Memory[] = [];
      for (let i = 0; i < (quick ? 1 : 5); i++) {
        const [interpreter, ...args] = command;
        runs.push(JSON.parse((await runCommand(interpreter!, args)).output) as Memory);
      }
      const idle = 1024 * median(runs.map((run) => run.idle));
      const peak = 1024 * median(runs.map((run) => run.peak));
      results.push({ name, idle, peak, ratio: (peak - idle) / statSync(file).size });
    }
    const worst = Math.max(results[0]!.ratio, results[1]!.ratio);
    return {
      title: "Memory of opening a .pth of 100 MB",
      columns: ["", "idle, MB", "peak, MB", "(peak - idle) / file size"],
      rows: results.map(({ name, idle, peak, ratio }) => [
        name,
        (idle / 1e6).toFixed(0),
        (peak / 1e6).toFixed(0),
        ratio.toFixed(2),
      ]),
      targets: [
        {
          what: "peak above idle over file size",
          wanted: "under 2.2",
          measured: worst.toFixed(2),
          met: worst < 2.2,
        },
      ],
      notes: [
        "Resident memory of a fresh process: idle with the library imported, peak when the model is ready to run; medians.",
      ],
      data: results,
    };
  },
};
