import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { openTrainingStep } from "../../src/node/index.ts";
import { resnetConfig } from "../../src/nn/index.ts";
import { initialTrainingState, trainingProgram } from "../../src/train/index.ts";

// What steps do on every platform stands in test/contract/training-step.ts.
describe("a training step in Node", () => {
  it("says which device is missing", async () => {
    const config = resnetConfig({ layers: [1, 1], width: 16, stem: "cifar", numClasses: 10 });
    const program = trainingProgram(config, { batchSize: 4, inputSize: 8 });
    const device = process.platform === "darwin" ? "dml" : "coreml";
    const opening = openTrainingStep(program, { state: initialTrainingState(program), device });
    await expect(opening).rejects.toMatchObject({
      name: "SessionError",
      code: "runtime/device-unavailable",
    });
  });

  const prlimit = "/usr/bin/prlimit";
  it.skipIf(!existsSync(prlimit))(
    "goes back when memory runs out, and goes on when there is some",
    async () => {
      const script = new URL("../support/step-without-memory.mjs", import.meta.url).pathname;
      const { stdout } = await promisify(execFile)(process.execPath, [script, prlimit], { timeout: 60_000 });
      expect(JSON.parse(stdout)).toEqual({ code: "runtime/out-of-memory", kept: true, wentOn: true });
    },
  );
});
