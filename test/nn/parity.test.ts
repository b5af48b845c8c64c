import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bytesSource, tensor } from "../../src/core/index.ts";
import { expectedShapes, inferenceGraph, modelConfig, type Output } from "../../src/nn/index.ts";
import { cpuBlockSize } from "../../src/node/engines/onnxruntime/block-size.ts";
import { fitStateDict, openCheckpoint } from "../../src/weights/index.ts";
import { relativeError, runGraph } from "../support/run-graph.ts";
import { torchResNets, type TorchResNet } from "../support/torch-resnet.ts";
import { hasTorch } from "../support/torch.ts";

const outputs: readonly Output[] = ["stem", "layer1", "layer2", "layer3", "layer4", "embedding", "logits"];

const long = process.env["SSL_RESNEXT_LONG_TESTS"] !== undefined;

/** The models of the card; the last two take gigabytes and minutes. */
const models = [
  { name: "ssl_resnext50_32x4d", isLong: false },
  { name: "ssl_resnext101_32x4d", isLong: true },
  { name: "ssl_resnext101_32x8d", isLong: true },
  { name: "ssl_resnext101_32x16d", isLong: true },
];

describe.skipIf(!hasTorch).each(models.filter(({ isLong }) => long || !isLong))(
  "$name against PyTorch float32",
  ({ name, isLong }) => {
    const config = modelConfig(name);
    let folder: string;
    let reference: TorchResNet;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "parity-"));
      const images = isLong ? { images: 4, probe: 2 } : { images: 8, probe: 4 };
      const job = { config, seed: 7, ...images, weights: "as of 2019", float64: long } as const;
      reference = torchResNets(folder, { [name]: job })[name]!;
    }, 600_000);

    afterAll(() => rm(folder, { recursive: true }));

    it("tells the photos apart, so that a wrong network cannot pass", () => {
      const [rows, classes] = reference.outputs.logits.dims as [number, number];
      const logits = Array.from(reference.outputs.logits.data, Number);
      const largest = Math.max(...logits.map(Math.abs));
      const row = (index: number): readonly number[] => logits.slice(index * classes, (index + 1) * classes);
      for (let a = 0; a < rows; a++) {
        for (let b = 0; b < a; b++) {
          const other = row(b);
          const distance = Math.max(...row(a).map((value, i) => Math.abs(value - other[i]!)));
          expect(distance / largest).toBeGreaterThan(0.1);
        }
      }
    });

    it.runIf(long)("is compared by a reference whose own rounding error is small", async ({ annotate }) => {
      const errors = outputs.map((output) => {
        const exact = reference.outputs[`${output}/float64`]!;
        const { data } = reference.outputs[output];
        const first = tensor(
          "float32",
          exact.dims,
          (data as Float32Array<ArrayBuffer>).subarray(0, exact.data.length),
        );
        return [output, relativeError(first, exact)] as const;
      });
      await annotate(`PyTorch float32 against float64: ${formatErrors(errors)}`);
      expect(errors.filter(([, error]) => !(error < 5e-5))).toEqual([]);
    });

    it.for<[string, string]>([
      ["legacy", "blocked"],
      ["zip", "portable"],
    ])(
      "%s .pth, %s graph: logits, embedding and taps within 1e-4",
      { timeout: 600_000 },
      async ([format, target], { annotate }) => {
        const bytes = new Uint8Array(await readFile(`${reference.path}-${format}.pth`));
        const checkpoint = await openCheckpoint(bytesSource(format, bytes));
        expect(checkpoint.format).toBe(`pth-${format}`);
        const weights = fitStateDict(expectedShapes(config), checkpoint.tensors);
        const blockSize = target === "blocked" ? await cpuBlockSize() : undefined;
        const graph = inferenceGraph(config, weights, { outputs, blockSize });
        const found = await runGraph(graph, { images: reference.images });

        const errors = outputs.map((output) => {
          expect(found[output]?.dims).toEqual(reference.outputs[output].dims);
          return [output, relativeError(found[output]!, reference.outputs[output])] as const;
        });
        // Shown by --reporter=verbose.
        await annotate(`${target}: ${formatErrors(errors)}`);
        expect(errors.filter(([, error]) => !(error < 1e-4))).toEqual([]);
      },
    );
  },
);

const formatErrors = (errors: readonly (readonly [string, number])[]): string =>
  errors.map(([output, error]) => `${output} ${error.toExponential(1)}`).join(", ");
