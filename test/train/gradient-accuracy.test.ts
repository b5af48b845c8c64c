import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { elementCount, type Tensor } from "../../src/core/index.ts";
import { modelConfig } from "../../src/nn/index.ts";
import { cpuBlockSize } from "../../src/node/engines/onnxruntime/block-size.ts";
import { nextOf, trainingProgram } from "../../src/train/index.ts";
import { runGraph, type Feeds } from "../support/run-graph.ts";
import { readTensors } from "../support/torch-tensors.ts";
import { hasTorch, runReference } from "../support/torch.ts";

const config = modelConfig("resnext50_32x4d");
const job = { seed: 3, batch: 4, size: 224 };

type Elements = Float32Array;

/** All gradients, one after the other, as the program gives them. */
async function ourGradients(
  reference: Readonly<Record<string, Tensor>>,
  blockSize?: number,
): Promise<Elements> {
  const { graphs } = trainingProgram(config, { batchSize: job.batch, flatGradients: true, blockSize });
  if (!("gradients" in graphs)) throw new Error("Flat gradients leave a graph of their own.");
  const given: Feeds = { images: reference["images"]!, targets: reference["targets"]! };
  const feeds = [...graphs.gradients.inputs.keys()].map((name): [string, Tensor] => [
    name,
    given[name] ?? reference[`weights/${name}`]!,
  ]);
  const results = await runGraph(graphs.gradients, Object.fromEntries(feeds));
  return results[nextOf("gradients")]!.data as Elements;
}

/** |found - exact| / |exact|, as vectors. */
function distance(found: Elements, exact: Elements): number {
  let [difference, size] = [0, 0];
  for (let i = 0; i < exact.length; i++) {
    difference += (found[i]! - exact[i]!) ** 2;
    size += exact[i]! ** 2;
  }
  return Math.sqrt(difference / size);
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

const blockSize = await cpuBlockSize();
const lowerings = [["standard", undefined] as const, ["blocked", blockSize] as const].filter(
  ([name, block]) => name === "standard" || block !== undefined,
);

/** A random deep network amplifies rounding: PyTorch's own error in float32 is the measure. */
describe.runIf(hasTorch && process.env["SSL_RESNEXT_LONG_TESTS"])("ResNeXt-50's gradient at 224", () => {
  const folder = mkdtempSync(join(tmpdir(), "gradients-"));
  let reference: Readonly<Record<string, Tensor>>;
  let parameters: readonly { readonly name: string; readonly start: number; readonly end: number }[];

  beforeAll(() => {
    const path = join(folder, "resnext50");
    writeFileSync(`${path}.json`, JSON.stringify(job));
    runReference("gradients.py", path);
    reference = readTensors(path);
    let end = 0;
    parameters = Object.keys(reference)
      .filter((key) => key.startsWith("float64/"))
      .map((key) => {
        const start = end;
        end += elementCount(reference[key]!.dims);
        return { name: key.slice("float64/".length), start, end };
      });
  }, 300_000);

  afterAll(() => rmSync(folder, { recursive: true }));

  /** Errors against float64, parameter by parameter. */
  const errors = (gradientOf: (parameter: (typeof parameters)[number]) => Elements): readonly number[] =>
    parameters.map((parameter) =>
      distance(gradientOf(parameter), reference[`float64/${parameter.name}`]!.data as Elements),
    );

  it.each(lowerings)(
    "%s: as near to float64 as PyTorch's in float32",
    async (lowering, block) => {
      const flat = await ourGradients(reference, block);
      expect(flat).toHaveLength(parameters.at(-1)!.end);
      const ours = errors(({ start, end }) => flat.subarray(start, end));
      const torch = errors(({ name }) => reference[`float32/${name}`]!.data as Elements);
      const figures = { ours: [median(ours), Math.max(...ours)], torch: [median(torch), Math.max(...torch)] };
      process.stdout.write(`${lowering}: median and largest error ${JSON.stringify(figures)}\n`);
      expect(median(ours)).toBeLessThan(1.5 * median(torch));
      expect(Math.max(...ours)).toBeLessThan(1.5 * Math.max(...torch));
    },
    180_000,
  );
});
