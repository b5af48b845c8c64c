import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { elementCount, type Tensor } from "../../core/index.ts";
import type { Preprocessing } from "../../image/preprocessing.ts";
import type { RgbImage } from "../../image/rgb-image.ts";
import { normalise } from "../../image/normalise.ts";
import type { ImageFeeds } from "../../runtime/index.ts";
import { onnxRuntime } from "../onnx-runtime.ts";
import { runFailed } from "../../runtime/index.ts";

/** What the model makes of one image, by output name, without the batch dimension. */
export type Outputs = Readonly<Record<string, Tensor<"float32">>>;

/** A crop, and what goes in with it. */
export interface BatchImage {
  readonly pixels: RgbImage;
  readonly feeds: ImageFeeds;
}

/** Runs the model over up to `batchSize` images; every run reads its input from the same memory. */
export type RunBatch = (images: readonly BatchImage[]) => Promise<readonly Outputs[]>;

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
  const [inputName, ...others] = session.inputNames as [string, ...string[]];
  const outputNames = [...(outputs ?? session.outputNames)];
  const [described] = session.inputMetadata;
  // A model that is made for one batch size gets whole batches; what is missing in the last one is thrown away.
  const always = described?.isTensor && typeof described.shape[0] === "number" ? batchSize : undefined;

  return async (images) => {
    images.forEach(({ pixels }, index) => normalise(pixels, preprocessing, input, index * imageLength));
    const rows = always ?? images.length;
    const pixels = new onnxRuntime.Tensor("float32", input.subarray(0, rows * imageLength), [
      rows,
      ...imageDims,
    ]);
    const feeds = Object.fromEntries(others.map((name) => [name, stacked(name, images, rows)]));
    try {
      const results = await session.run({ [inputName]: pixels, ...feeds }, outputNames);
      return images.map((_, index) => outputsOf(results, index));
    } catch (error) {
      throw runFailed(error);
    }
  };
}

/** One further input of all images of the batch; zeros for rows without image. */
function stacked(name: string, images: readonly BatchImage[], rows: number): OrtTensor {
  const dims = images[0]?.feeds[name]?.dims ?? [];
  const length = elementCount(dims);
  const data = new Float32Array(rows * length);
  images.forEach(({ feeds }, index) => data.set(feeds[name]?.data ?? [], index * length));
  return new onnxRuntime.Tensor("float32", data, [rows, ...dims]);
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
