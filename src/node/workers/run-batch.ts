import type { InferenceSession } from "onnxruntime-node";
import { elementCount, type Tensor } from "../../core/index.ts";
import type { Preprocessing } from "../../image/preprocessing.ts";
import type { RgbImage } from "../../image/rgb-image.ts";
import { normalise } from "../../image/normalise.ts";
import { onnxRuntime } from "../onnx-runtime.ts";
import { runFailed } from "../../runtime/index.ts";

/** What the model makes of one image, by output name, without the batch dimension. */
export type Outputs = Readonly<Record<string, Tensor<"float32">>>;

/** Runs the model over up to `batchSize` crops; every run reads its input from the same memory. */
export type RunBatch = (crops: readonly RgbImage[]) => Promise<readonly Outputs[]>;

export interface RunBatchOptions {
  readonly preprocessing: Preprocessing;
  readonly batchSize: number;
  /** All of the model's when undefined. */
  readonly outputs: readonly string[] | undefined;
}

/** @throws SessionError `runtime/run-failed`, `runtime/out-of-memory`. */
export function batchRunner(
  session: InferenceSession,
  { preprocessing, batchSize, outputs }: RunBatchOptions,
): RunBatch {
  const imageDims = [3, preprocessing.inputSize, preprocessing.inputSize];
  const imageLength = elementCount(imageDims);
  const input = new Float32Array(batchSize * imageLength);
  const inputName = session.inputNames[0]!;
  const outputNames = [...(outputs ?? session.outputNames)];

  return async (crops) => {
    crops.forEach((crop, index) => normalise(crop, preprocessing, input, index * imageLength));
    const feed = new onnxRuntime.Tensor("float32", input.subarray(0, crops.length * imageLength), [
      crops.length,
      ...imageDims,
    ]);
    try {
      const results = await session.run({ [inputName]: feed }, outputNames);
      return crops.map((_, index) => outputsOf(results, index));
    } catch (error) {
      throw runFailed(error);
    }
  };
}

/** The outputs of one image of the batch, copied to memory of their own that can move to another thread. */
function outputsOf(results: InferenceSession.OnnxValueMapType, index: number): Outputs {
  const outputs: Record<string, Tensor<"float32">> = {};
  for (const [name, result] of Object.entries(results)) {
    const dims = result.dims.slice(1);
    const length = elementCount(dims);
    const data = (result.data as Float32Array<ArrayBuffer>).slice(index * length, (index + 1) * length);
    outputs[name] = { dtype: "float32", dims, data };
  }
  return outputs;
}
