import { elementCount, tensor, type Tensor } from "../../../core/index.ts";
import {
  add,
  batchNormTraining,
  blockedInference,
  blockedTraining,
  buildGraph,
  constant,
  conv,
  gradients,
  input,
  lower,
  lowerBlocked,
  modelBytes,
  mul,
  reduceSum,
  relu,
  standard,
  type BlockedTarget,
  type Graph,
  type Value,
} from "../../../graph/index.ts";
import type { Thread } from "../../../runtime/platform.ts";
import { startThread } from "../../threads/start-thread.ts";

type Use = Parameters<typeof blockSizeProbe>[0];

const known = new Map<Use, Promise<number | undefined>>();

/**
 * Channels of one block of ONNX Runtime's CPU kernels, as a worker finds out by trying; asked once a process. Training
 * relies on more of these kernels than inference.
 *
 * @param thread A worker of image pipelines that is running anyway. @default one that is started and ended
 * @returns `undefined` where there are no such kernels, or they do not agree: the portable graph is right there.
 */
export function cpuBlockSize(use: Use = "inference", thread?: Thread): Promise<number | undefined> {
  // Elsewhere the kernels may be missing, and calling them would end the process.
  if (process.arch !== "x64") return Promise.resolve(undefined);
  const asked = known.get(use);
  if (asked) return asked;
  const answer = thread ? ask(use, thread) : askNewWorker(use);
  known.set(use, answer);
  answer.catch(() => known.delete(use));
  return answer;
}

const ask = async (use: Use, thread: Thread): Promise<number | undefined> =>
  thread.call<number | undefined>("blockSize", await blockSizeProbe(use));

async function askNewWorker(use: Use): Promise<number | undefined> {
  const thread = startThread("images");
  try {
    return await ask(use, thread);
  } finally {
    await thread.end();
  }
}

/** A small graph in ONNX's own operators, and for ONNX Runtime's kernels. */
export interface BlockSizeCheck {
  readonly feeds: Feeds;
  readonly reference: Uint8Array<ArrayBuffer>;
  /** The same graph for each block size that may be right. */
  readonly candidates: readonly { readonly blockSize: number; readonly model: Uint8Array<ArrayBuffer> }[];
}

type Feeds = Readonly<Record<string, Pick<Tensor<"float32">, "dims" | "data">>>;

/** Blocks that ONNX Runtime's kernels have on x64: with AVX-512, and with less. */
const blockSizes = [16, 8] as const;

/** Several blocks of each size, so that a wrong one mixes channels up. */
const channels = 32;

/**
 * Builds the probe for the block of ONNX Runtime's CPU kernels: the right one agrees in every check. ONNX Runtime does
 * not say which it has, and a wrong one gives wrong results without an error.
 *
 * @param use Inference is the first check; training relies on more, and asks for both.
 */
export function blockSizeProbe(use: "inference" | "training"): Promise<readonly BlockSizeCheck[]> {
  const inference = () => checkOf(inferenceGraph(), { x: wave([1, 1, 1, 1], 1) }, blockedInference);
  const training = () => checkOf(trainingGraph(), trainingFeeds, blockedTraining);
  const checks = use === "inference" ? [inference] : [inference, training];
  return Promise.all(checks.map((check) => check()));
}

/** Two 1x1 convolutions with constant weights. */
function inferenceGraph(): Graph {
  const hidden = conv(input("x", "float32", [1, 1, 1, 1]), weight([channels, 1, 1, 1], 1));
  return buildGraph({ y: conv(hidden, weight([channels, channels, 1, 1], 2)) });
}

const trainingFeeds: Feeds = {
  x: wave([2, channels, 4, 4], 3),
  pointwise: wave([channels, channels, 1, 1], 4),
  grouped: wave([channels, 8, 3, 3], 5),
  scale: wave([channels], 6),
  bias: wave([channels], 7),
};

/**
 * What training relies on: a residual block forward and backward, with weights that are computed, whose
 * normalisations are depthwise convolutions with a sum and a ReLU inside.
 */
function trainingGraph(): Graph {
  const values = Object.entries(trainingFeeds).map(([name, { dims }]) => input(name, "float32", dims));
  const [x, pointwise, grouped, scale, bias] = values as readonly Value<"float32">[];
  const normalised = (value: Value<"float32">): Value<"float32"> =>
    batchNormTraining(value, scale!, bias!, 1e-5).y;
  const hidden = relu(normalised(conv(x!, pointwise!)));
  const branch = normalised(conv(hidden, grouped!, undefined, { group: 4, pads: [1, 1, 1, 1] }));
  const y = relu(add(branch, hidden));
  const loss = reduceSum(mul(y, y), [0, 1, 2, 3], { keepdims: 0 });
  const [pointwiseGrad, groupedGrad, scaleGrad] = gradients(loss, [pointwise!, grouped!, scale!]);
  return buildGraph({
    loss,
    pointwiseGrad: pointwiseGrad!,
    groupedGrad: groupedGrad!,
    scaleGrad: scaleGrad!,
  });
}

async function checkOf(graph: Graph, feeds: Feeds, target: BlockedTarget): Promise<BlockSizeCheck> {
  const candidates = blockSizes.map(async (blockSize) => ({
    blockSize,
    model: await modelBytes(lowerBlocked(graph, blockSize, target)),
  }));
  return {
    feeds,
    reference: await modelBytes(lower(graph, standard)),
    candidates: await Promise.all(candidates),
  };
}

function wave(dims: readonly number[], seed: number): Feeds[string] {
  return {
    dims,
    data: Float32Array.from({ length: elementCount(dims) }, (_, i) => Math.sin(seed + i * 1.7)),
  };
}

const weight = (dims: readonly number[], seed: number): Value<"float32"> =>
  constant(tensor("float32", dims, wave(dims, seed).data));
