import { availableParallelism, cpus, totalmem } from "node:os";
import type { ImageSource, TrainingLoader, TrainingLoaderOptions } from "../data/index.ts";
import type { ModelConfig } from "../nn/index.ts";
import type { ModelSource } from "../predict/index.ts";
import type { Fact } from "../report/elements.ts";
import type { Device } from "../runtime/index.ts";
import type {
  HeadEvent,
  OpenTrainingStepOptions,
  TrainedHead,
  TrainHeadOptions,
  TrainingEvent,
  TrainingProgram,
  TrainingProgramOptions,
  TrainingStep,
  TrainModelOptions,
} from "../train/index.ts";
import type { TrainingPlatform } from "../train/platform.ts";
import { makeTemporaryFolder } from "./files/file-system.ts";
import { thumbnail } from "./images/encode-image.ts";
import { onnxRuntimeVersion } from "./engines/onnxruntime/install-onnx-runtime.ts";
import { nodePlatform } from "./platform.ts";

/** What a run ran on. */
function machineFacts(device: Device): readonly Fact[] {
  return [
    { name: "processor", value: cpus()[0]?.model ?? "unknown" },
    { name: "cores", value: availableParallelism() },
    { name: "memory", value: `${(totalmem() / 1e9).toFixed(1)} GB` },
    { name: "device", value: device },
    { name: "ONNX Runtime", value: onnxRuntimeVersion },
    { name: "Node", value: process.version },
    { name: "system", value: `${process.platform} ${process.arch}` },
  ];
}

/** Bytes that this process took at most. */
const peakMemory = (): number => process.resourceUsage().maxRSS * 1024;

/** What training needs of the world, in Node. */
export const nodeTrainingPlatform: TrainingPlatform = {
  ...nodePlatform,
  temporaryFolder: () => makeTemporaryFolder("ssl-resnext-images-"),
  thumbnail,
  machineFacts,
  peakMemory,
};

// A program that only classifies loads nothing of this.
const training = (): Promise<typeof import("../train/index.ts")> => import("../train/index.ts");

/**
 * Trains a network, or its last stages, or its classifier, on labelled images.
 *
 * Everything is written to one folder: the resolved recipe, the history, the last and the best checkpoint, a report.
 * On the CPU a run that was killed and resumed ends with the same weights, bit for bit. When the signal is aborted,
 * the run saves what it needs to go on, gives the event `stopped`, and ends.
 *
 * What cannot go well is refused before anything is written. A set with fewer images than a batch is taken as a whole
 * at each step, and the event `smaller-batch` says so; a batch that does not fit into memory is computed in parts, and `in-parts` says so.
 *
 * @throws UsageError `train/recipe`, `train/no-effect`, `train/batch-norm`, `train/classes`, `train/out-exists`,
 *   `train/model`; DataError `data/disk-full`; TrainingError `train/other-run`, `train/no-checkpoint`, `train/history`,
 *   `train/not-finite`, `train/out-of-memory`; what opening images, model and device throws.
 * @example
 * for await (const event of trainModel({ data: "photos", model: "ssl_resnext50_32x4d", out: "run" })) {
 *   if (event.type === "epoch") console.log(event.epoch, event.valTop1);
 * }
 */
export async function* trainModel(
  options: TrainModelOptions,
): AsyncGenerator<TrainingEvent, void, undefined> {
  yield* (await training()).trainModel(nodeTrainingPlatform, options);
}

/**
 * Trains the classifier of a network whose other weights stay as they are: every image is embedded once, with its
 * mirror, as it is seen in evaluation, and the classifier is fitted by logistic regression on all images. The strength of its
 * penalty is chosen by cross-validation.
 *
 * @param source The network, with a classifier for these classes, whose weights are not looked at.
 * @returns The network with the new classifier, and how good it is in cross-validation.
 * @throws ModelError `model/class-names` when the classifier is for another number of classes; DataError
 *   `data/unlabelled`, `data/empty-classes`; what opening and running the model throws.
 */
export async function* trainHead(
  source: ModelSource,
  images: ImageSource,
  options: TrainHeadOptions,
): AsyncGenerator<HeadEvent, TrainedHead, undefined> {
  return yield* (await training()).trainHead(nodeTrainingPlatform, source, images, options);
}

/**
 * Opens a data set for training: walks it once, numbers its classes, and starts the threads that make its batches.
 *
 * Images that can only be read in order where they are, in Parquet tables and compressed archives, are copied once to
 * the system's temporary folder.
 *
 * @throws DataError `data/no-images`, `data/unlabelled`, `data/empty-classes`, `data/class-mismatch`, and what the
 *   source throws; UsageError `data/loader-options`, `data/batch-too-large`.
 */
export async function openTrainingLoader(
  source: ImageSource,
  options: TrainingLoaderOptions,
): Promise<TrainingLoader> {
  return (await training()).openTrainingLoader(nodeTrainingPlatform, source, options);
}

/**
 * Opens a training program in a worker thread of its own, so that steps never block the caller.
 *
 * An idle step does not keep the process alive. With `webgpu` the state stays on the device from step to step;
 * on the CPU, ONNX Runtime writes it into tensors that alternate.
 *
 * @throws SessionError `runtime/device-unavailable`, `runtime/model-rejected`, `runtime/out-of-memory`; WeightsError
 *   `weights/mismatch` for a state of another program; UsageError `train/no-flat-gradients`; the signal's reason.
 * @example
 * const program = await trainingProgramFor("cpu", config, { batchSize: 32 });
 * const step = await openTrainingStep(program, { state: initialTrainingState(program) });
 * const { loss } = await step.run({ images, targets }, { learningRate: 0.1, step: 1 });
 */
export async function openTrainingStep(
  program: TrainingProgram,
  options: OpenTrainingStepOptions,
): Promise<TrainingStep> {
  return (await training()).openTrainingStep(nodeTrainingPlatform, program, options);
}

/**
 * A training program as it runs fastest on a device. On the CPU that is the blocked lowering, if the probe finds a
 * block size that computes what it should; ONNX's own operators anywhere else.
 *
 * @throws ModelError, UsageError as `trainingProgram`.
 */
export async function trainingProgramFor(
  device: Device,
  config: ModelConfig,
  options: Omit<TrainingProgramOptions, "blockSize">,
): Promise<TrainingProgram> {
  return (await training()).trainingProgramFor(nodeTrainingPlatform, device, config, options);
}
