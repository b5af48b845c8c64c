import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { SemiJson } from "../../src/cli/semi/json.ts";
import { writePipelineData, writeShard } from "../semi/pipeline-data.ts";
import { mpiMissing, ranksOf } from "../support/mpi.ts";
import { ended, jsonLines, onLines, runCli, startCli } from "../support/run-cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { tensorsOf } from "../support/tensors-of.ts";

const missing = mpiMissing();
const folder = temporaryFolder();
const at = (...names: readonly string[]): string => join(folder, ...names);
const recipe = "base: quick, images: 48, batchSize: 12";
const line = (out: string, more = ""): readonly string[] =>
  [
    ["semi", "run", "--labelled", at("labelled"), "--unlabelled", at("unlabelled", "*.tar"), "-o", at(out)],
    ["--teacher", at("small.safetensors"), "--teach", "false", "--labels", at("names.txt"), "--json"],
    ["--method", "paper", "--student", "resnet20_cifar10", "--validation-share", "0", "-k", "8"],
    ["--pretrain-recipe", `{${recipe}${more}}`, "--finetune-recipe", `{${recipe}${more}}`],
  ].flat();

/** The parameters that a stage ended with; statistics are those of a rank's own share. */
async function parametersOf(out: string, stage: string): Promise<unknown> {
  const tensors = await tensorsOf(at(out, stage, "best.safetensors"));
  return new Map([...tensors].filter(([name]) => !/running_|num_batches/.test(name)));
}

const stages = ["pretrain", "finetune", "supervised"];

describe.skipIf(missing !== undefined)(
  `a semi-supervised run on two ranks${missing === undefined ? "" : `: ${missing}`}`,
  { timeout: 240_000 },
  () => {
    beforeAll(async () => {
      await writePipelineData(folder);
      await writeShard(at("unlabelled", "0.tar"), 12, 10);
      writeFileSync(at("names.txt"), "red\ngreen\nblue\nyellow\npink\n");
    });

    it("trains its networks together, and ends as one process does", async () => {
      expect(await runCli(line("alone", ", microBatch: 6"))).toMatchObject({ code: 0 });
      const shared = await runCli([...line("shared"), "--ranks", "2"]);
      expect(shared).toMatchObject({ code: 0 });
      const finished = jsonLines<SemiJson>(shared.stdout).flatMap((event) =>
        event.type === "stage-finished" ? [event.stage] : [],
      );
      // One of them alone scores, selects and measures, and tells all of it.
      expect(new Set(finished).size).toBe(finished.length);
      expect(finished).toEqual(expect.arrayContaining(["scores", "selection", ...stages]));
      const selection = (out: string): Buffer => readFileSync(at(out, "selection", "selection.parquet"));
      expect(selection("shared")).toEqual(selection("alone"));
      for (const stage of stages) {
        expect(await parametersOf("shared", stage)).toEqual(await parametersOf("alone", stage));
      }
    });

    it.each([
      ["begins", () => true],
      ["trains", (event: SemiJson) => event.type === "training" && event.event.type === "step"],
      ["scores", (event: SemiJson) => event.type === "images" && event.what === "scored"],
    ] as const)(
      "ends when one of them is told to while the first one %s, and goes on",
      async (what, isMoment) => {
        const out = `stopped-${what}`;
        const child = startCli([...line(out), "--ranks", "2"], { NO_COLOR: "1" });
        let told = false;
        onLines(child, (event: SemiJson) => {
          if (told || !isMoment(event)) return;
          told = true;
          process.kill(ranksOf(child)[1]!, "SIGTERM");
        });
        const { code, stderr } = await ended(child);
        expect({ told, code }).toEqual({ told: true, code: 143 });
        expect(stderr).not.toMatch(/error|peer lost/);
        expect(await runCli([...line(out), "--ranks", "2"])).toMatchObject({ code: 0 });
        expect(await parametersOf(out, "finetune")).toEqual(await parametersOf("shared", "finetune"));
      },
    );

    it.each([
      [
        ["semi", "run", "--mode", "head", "--method", "labels"],
        "no steps of training that several ranks could share",
      ],
      [["semi", "run", "--method", "paper", "--pretrain-recipe", "{batchSize: 13}"], "multiple of 2"],
    ])("is refused where they have nothing to share: %j", async (words, message) => {
      const data = [
        "--labelled",
        at("labelled"),
        "--unlabelled",
        at("unlabelled", "*.tar"),
        "-o",
        at("refused"),
      ];
      const { code, stderr } = await runCli([
        ...words,
        ...data,
        "--teacher",
        at("small.safetensors"),
        "--ranks",
        "2",
      ]);
      expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
      expect(existsSync(at("refused", "scores"))).toBe(false);
    });
  },
);
