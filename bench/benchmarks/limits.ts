import { createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Tensor } from "onnxruntime-node";
import { seededRandom, tensor } from "ssl-resnext/core";
import { buildGraph, constant, encodeModel, input, matMul, reduceSum } from "ssl-resnext/graph";
import type { Benchmark } from "../benchmark.ts";
import { compiledModel } from "../fixtures/compiled-model.ts";
import { networkCost } from "../fixtures/network-cost.ts";
import { weightFiles } from "../fixtures/weights.ts";
import { startPythonPeer } from "../measure/python-peer.ts";
import { cacheFolder } from "../paths.ts";
import { openSession, threads, timeRuns } from "./session.ts";

/** Side of the square matrices: 64 MB each. */
const side = 4096;

/** What the machine can do at most, and how near the network comes. */
export const limits: Benchmark = {
  name: "limits",
  summary: "the machine's float32 peak and memory bandwidth, and how near the network comes",
  async run({ quick }) {
    const trials = quick ? 2 : 12;
    const peak = await matrixPeak(trials);
    const bandwidth = await triadBandwidth(trials);
    const { flops, weightBytes, activationBytes } = networkCost();

    const session = await openSession(await compiledModel(weightFiles().pth));
    const rows = [];
    for (const batch of [1, 8]) {
      const random = seededRandom(batch);
      const data = new Float32Array(batch * 3 * 224 * 224).map(() => random.normal());
      const feeds = { images: new Tensor("float32", data, [batch, 3, 224, 224]) };
      const seconds = (await fastest(trials, () => timeRuns(session, feeds, 4))) / batch;
      const compute = flops / peak;
      const traffic = (activationBytes + weightBytes / batch) / bandwidth;
      rows.push({ batch, seconds, compute, traffic });
    }
    await session.release();
    const milliseconds = (seconds: number): string => (seconds * 1000).toFixed(1);
    const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;
    return {
      title: "Limits of the machine",
      columns: [
        "ms/image",
        "measured",
        "at the float32 peak",
        "at the memory's bandwidth",
        "share of the peak",
        "share of the bandwidth",
      ],
      rows: rows.map(({ batch, seconds, compute, traffic }) => [
        `batch ${batch}`,
        ...[seconds, compute, traffic].map(milliseconds),
        percent(compute / seconds),
        percent(traffic / seconds),
      ]),
      targets: [],
      notes: [
        `Float32 peak: ${(peak / 1e9).toFixed(0)} GFLOP/s (product of two ${side}x${side} matrices in ONNX Runtime, ${threads} threads).`,
        `Memory bandwidth: ${(bandwidth / 1e9).toFixed(1)} GB/s (STREAM's triad over 0.8 GB, ${threads} threads).`,
        `One image takes ${(flops / 1e9).toFixed(2)} GFLOP and moves ${(activationBytes / 1e6).toFixed(0)} MB of activations if no layer's result stays in a cache; a batch reads ${(weightBytes / 1e6).toFixed(0)} MB of weights. The fastest of ${trials} trials each.`,
      ],
      data: { peak, bandwidth, flops, weightBytes, activationBytes, rows },
    };
  },
};

async function matrixPeak(trials: number): Promise<number> {
  const random = seededRandom(1);
  const values = new Float32Array(side * side).map(() => random.uniform() - 0.5);
  const product = matMul(
    input("a", "float32", [side, side]),
    constant(tensor("float32", [side, side], values)),
  );
  // Summed within the graph: to copy the product to JavaScript would count too.
  const sums = reduceSum(product, [1]);
  const path = join(cacheFolder, "matmul.onnx");
  mkdirSync(cacheFolder, { recursive: true });
  await pipeline(encodeModel(buildGraph({ sums })).model, createWriteStream(path));
  const session = await openSession(path);
  const feeds = { a: new Tensor("float32", values, [side, side]) };
  const seconds = await fastest(trials, () => timeRuns(session, feeds, 1));
  await session.release();
  return (2 * side ** 3) / seconds;
}

async function triadBandwidth(trials: number): Promise<number> {
  const peer = startPythonPeer("triad.py");
  const seconds = await fastest(trials + 2, async () => 1 / (await peer.call<number>("run", { threads })));
  await peer.end();
  return 1 / seconds;
}

async function fastest(trials: number, run: () => Promise<number>): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < trials; i++) least = Math.min(least, await run());
  return least;
}
