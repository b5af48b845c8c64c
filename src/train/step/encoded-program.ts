import { buildGraph, cast, input, modelBytes, type Graph, type Value } from "../../graph/index.ts";
import type { RandomMask } from "../random-masks.ts";
import { nextOf, type StateTensor } from "../state-tensor.ts";
import type { TrainingProgram } from "../training-program.ts";

/** Dims of tensors by name. */
export type Dims = Readonly<Record<string, readonly number[]>>;

/** A graph as ONNX Runtime opens it. */
export interface EncodedGraph {
  readonly model: Uint8Array<ArrayBuffer>;
  readonly inputs: Dims;
  readonly outputs: Dims;
}

/** A training program that can cross to another thread. */
export interface EncodedProgram {
  readonly accumulate: number;
  readonly state: readonly StateTensor[];
  readonly carried: readonly StateTensor[];
  readonly masks: readonly RandomMask[];
  /** Loss and gradients; the update as well, unless that is a graph of its own. */
  readonly forward: EncodedGraph;
  readonly update: EncodedGraph | undefined;
  /** Gives every tensor that is kept as it is: the way between a device's memory and the program's. */
  readonly copy: EncodedGraph;
}

/** Writes a program's graphs as models. */
export async function encodeProgram(program: TrainingProgram): Promise<EncodedProgram> {
  const { accumulate, graphs, state, carried, masks } = program;
  const [forward, update] = "step" in graphs ? [graphs.step] : [graphs.gradients, graphs.update];
  return {
    accumulate,
    state,
    carried,
    masks,
    forward: await encodeGraph(forward),
    update: update && (await encodeGraph(update)),
    copy: await encodeGraph(copyGraph(keptTensors(program))),
  };
}

/** What outlives a step: the state, and gradients that are summed, which are zero between steps. */
export function keptTensors({
  accumulate,
  state,
  carried,
}: Pick<TrainingProgram, "accumulate" | "state" | "carried">): readonly StateTensor[] {
  return accumulate > 1 ? [...state, ...carried] : state;
}

async function encodeGraph(graph: Graph): Promise<EncodedGraph> {
  return { model: await modelBytes(graph), inputs: dimsOf(graph.inputs), outputs: dimsOf(graph.outputs) };
}

function copyGraph(tensors: readonly StateTensor[]): Graph {
  const copies = tensors.map(({ name, dims }): [string, Value] => [
    nextOf(name),
    cast(input(name, "float32", dims), "float32"),
  ]);
  return buildGraph(Object.fromEntries(copies));
}

function dimsOf(values: ReadonlyMap<string, Value>): Dims {
  return Object.fromEntries([...values].map(([name, { shape }]) => [name, shape as readonly number[]]));
}
