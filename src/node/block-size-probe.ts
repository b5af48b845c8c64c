import { tensor } from "../core/index.ts";
import { blockConvolutions, buildGraph, constant, conv, modelBytes, input } from "../graph/index.ts";

/** Tiny models with input `x` [1, 1, 1, 1] and output `y`, one per block size, and what `y` is for x = 1. */
export interface BlockSizeProbe {
  readonly candidates: readonly { readonly blockSize: number; readonly model: Uint8Array<ArrayBuffer> }[];
  readonly expected: Float32Array;
}

/** Blocks that ONNX Runtime's kernels have on x64: with AVX-512, and with less. */
const blockSizes = [16, 8] as const;

/** Several blocks of each size, so that a wrong one mixes channels up. */
const channels = 32;

/**
 * Builds the probe for the block of ONNX Runtime's CPU kernels. ONNX Runtime does not say which it has, and a
 * wrong one gives wrong results without an error; so two 1x1 convolutions with known results are tried.
 */
export async function blockSizeProbe(): Promise<BlockSizeProbe> {
  const [spread, mix] = [wave(channels, 1), wave(channels * channels, 2)];
  const x = input("x", "float32", [1, 1, 1, 1]);
  const hidden = conv(x, constant(tensor("float32", [channels, 1, 1, 1], spread)));
  const y = conv(hidden, constant(tensor("float32", [channels, channels, 1, 1], mix)));
  const graph = buildGraph({ y });
  const candidates = blockSizes.map(async (blockSize) => {
    return { blockSize, model: await modelBytes(blockConvolutions(graph, blockSize)) };
  });
  const expected = Float32Array.from({ length: channels }, (_, row) =>
    spread.reduce((sum, value, column) => sum + value * mix[row * channels + column]!, 0),
  );
  return { candidates: await Promise.all(candidates), expected };
}

const wave = (length: number, seed: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length }, (_, i) => Math.sin(seed + i * 1.7));
