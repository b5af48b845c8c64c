import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { exportOnnx, openModel } from "../../src/node/library.ts";
import type { ExportOnnxOptions } from "../../src/predict/index.ts";
import { colourCheckpoint } from "../support/colour-model.ts";
import { runCli } from "../support/run-cli.ts";
import { runModel } from "../support/run-graph.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder();
let weights = "";
beforeAll(async () => {
  weights = await colourCheckpoint(folder);
});

async function written(options: ExportOnnxOptions, name: string): Promise<string> {
  const path = join(folder, `${name}-${options.opset ?? "usual"}.onnx`);
  await exportOnnx(await openModel(weights), path, options);
  return path;
}

describe("an exported model", () => {
  it.each([13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24])(
    "gives the same logits in set %i",
    async (opset) => {
      const { inputSize } = (await openModel(weights)).description.preprocessing;
      const data = Float32Array.from({ length: 3 * inputSize ** 2 }, (_, i) => Math.sin(i));
      const images = { dtype: "float32", dims: [1, 3, inputSize, inputSize], data } as const;
      const run = async (options: ExportOnnxOptions): Promise<readonly number[]> =>
        Array.from((await runModel(await written(options, "plain"), { images }))["logits"]!.data, Number);
      expect(await run({ opset })).toEqual(await run({}));
    },
  );

  it.each([18, 21, 24])("with its preprocessing inside too, in set %i", async (opset) => {
    const data = Uint8Array.from({ length: 50 * 40 * 3 }, (_, i) => i % 251);
    const image = { dtype: "uint8", dims: [50, 40, 3], data } as const;
    const run = async (options: ExportOnnxOptions): Promise<readonly number[]> => {
      const path = await written({ ...options, withPreprocessing: true }, "whole");
      return Array.from((await runModel(path, { image }))["logits"]!.data, Number);
    };
    expect(await run({ opset })).toEqual(await run({}));
  });

  it.each<[ExportOnnxOptions, string]>([
    [{ opset: 12 }, "Operator set 12: this model is written in 13 to 24."],
    [{ opset: 25 }, "Operator set 25: this model is written in 13 to 24."],
  ])("is refused for %j, with those that there are", async (options, message) => {
    await expect(written(options, "refused")).rejects.toMatchObject({ code: "graph/opset", message });
  });

  it("is refused for what it holds, which is named", async () => {
    const whole = written({ opset: 14, withPreprocessing: true }, "refused");
    await expect(whole).rejects.toMatchObject({
      code: "graph/opset",
      message: expect.stringMatching(/in 1[58] to 24; .* needs? 1[58]\.$/) as string,
    });
  });

  it("is asked for by --opset, which safetensors has no use for", async () => {
    const onnx = join(folder, "cli.onnx");
    expect((await runCli(["export", "-w", weights, "-o", onnx, "--opset", "13"])).code).toBe(0);
    const other = await runCli([
      "export",
      "-w",
      weights,
      "-o",
      join(folder, "x.safetensors"),
      "--opset",
      "13",
    ]);
    expect(other.stderr).toContain("--opset belongs to onnx");
  });
});
