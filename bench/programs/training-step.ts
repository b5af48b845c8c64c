// Steps of training on one batch, in a process of its own: its peak memory is that of training.
import { readFileSync } from "node:fs";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { bytesSource } from "ssl-resnext/core";
import { encodeModel, type Graph } from "ssl-resnext/graph";
import { cpuBlockSize } from "ssl-resnext/node";
import { resnetConfig, type ResNetConfig } from "ssl-resnext/nn";
import { initialTrainingState, nextOf, trainingProgram, type TrainingProgram } from "ssl-resnext/train";
import { openCheckpoint } from "ssl-resnext/weights";
import { serveCommands } from "./serve-commands.ts";

interface LoadRequest {
  readonly config: Partial<ResNetConfig>;
  readonly form: "blocked" | "standard";
  readonly weights: string;
  readonly images: string;
  readonly targets: string;
  readonly batch: number;
  readonly size: number;
  readonly threads: number;
}

type Values = Record<string, Tensor>;

let step: () => Promise<number>;

async function load(request: LoadRequest): Promise<void> {
  const { batch, size, form } = request;
  const config = resnetConfig(request.config);
  const blockSize = form === "blocked" ? await cpuBlockSize() : undefined;
  const program = trainingProgram(config, { batchSize: batch, inputSize: size, blockSize });
  if (!("step" in program.graphs)) throw new Error("Expected the whole step in one graph.");
  const graph = program.graphs.step;
  const session = await InferenceSession.create(await encoded(graph), {
    executionProviders: ["cpu"],
    intraOpNumThreads: request.threads,
    enableMemPattern: false,
    logSeverityLevel: 4,
  });
  const { now, next } = await stateOf(program, graph, request.weights);
  const fixed = {
    images: fromFile(request.images, [batch, config.inChannels, size, size]),
    targets: fromFile(request.targets, [batch, config.numClasses]),
    learning_rate: new Tensor("float32", Float32Array.of(1e-3), []),
  };
  step = async () => {
    const given = Object.fromEntries(Object.entries(next).map(([name, value]) => [nextOf(name), value]));
    const results = await session.run({ ...now, ...fixed }, { ...given, loss: null });
    // The two sets of state change places: nothing is allocated.
    for (const name of Object.keys(next)) [now[name], next[name]] = [next[name]!, now[name]!];
    return (results["loss"]!.data as Float32Array)[0]!;
  };
}

async function encoded(graph: Graph): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of encodeModel(graph).model) parts.push(part);
  return Buffer.concat(parts);
}

/** The state before the first step, and memory for the one after. */
async function stateOf(
  program: TrainingProgram,
  graph: Graph,
  file: string,
): Promise<{ readonly now: Values; readonly next: Values }> {
  const { tensors } = await openCheckpoint(bytesSource(file, new Uint8Array(readFileSync(file))));
  const [now, next]: [Values, Values] = [{}, {}];
  for (const [name, source] of initialTrainingState(program, { weights: tensors })) {
    const { data } = await source.load();
    const dims = graph.inputs.get(name)!.shape as number[];
    now[name] = new Tensor("float32", Float32Array.from(data as Float32Array), dims);
    const moved = graph.outputs.get(nextOf(name));
    if (moved) next[name] = new Tensor("float32", new Float32Array(data.length), moved.shape as number[]);
  }
  return { now, next };
}

function fromFile(path: string, dims: readonly number[]): Tensor {
  const count = dims.reduce((product, length) => product * length, 1);
  return new Tensor("float32", new Float32Array(new Uint8Array(readFileSync(path)).buffer, 0, count), dims);
}

async function run(): Promise<{ readonly seconds: number; readonly loss: number }> {
  const start = performance.now();
  const loss = await step();
  return { seconds: (performance.now() - start) / 1000, loss };
}

/** Highest resident memory until now, in bytes. */
function memory(): number {
  return 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
}

await serveCommands({ load, run, memory });
process.exit();
