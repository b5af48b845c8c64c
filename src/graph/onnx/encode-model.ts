import { bytesPerElement, elementCount, GraphError, type TensorSource } from "../../core/index.ts";
import { checkGraph, type Graph } from "../graph.ts";
import { nameGraph } from "../print.ts";
import { encodeMessage, fieldPrefix, onnxType, type Message } from "./messages.ts";
import { defaultOpset, irVersionFor } from "./opset.ts";
import { nodeProto, valueInfoProto } from "./proto.ts";

/** Protobuf's limit for one message. */
const largestMessage = 2 ** 31 - 1;

/** TensorProto.DataLocation: the data lie in another file. */
const external = 1;

export interface EncodeOptions {
  /** Key-value pairs for the model's `metadata_props`. */
  readonly metadata?: Readonly<Record<string, string>>;
  /**
   * File name that the weights go to, relative to the model's folder.
   *
   * @default undefined: inside the model, up to protobuf's 2 GB.
   */
  readonly externalData?: string;
  /** Version of the standard's operator set. @default 18 */
  readonly opset?: number | undefined;
}

export interface EncodedModel {
  /** Bytes of the `.onnx` file in pieces; each weight is loaded when its turn comes. */
  readonly model: AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** Bytes of the external data file; empty when the weights are inside the model. */
  readonly weights: AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** Length of the `.onnx` file in bytes. */
  readonly modelBytes: number;
}

/**
 * Writes a graph as an ONNX model.
 *
 * Lengths are known from shapes alone, so the message is framed first and the weights stream through:
 * memory holds one tensor at a time, whatever the size of the model.
 *
 * @throws GraphError when the graph breaks a rule, cannot be written in the operator set (`graph/opset`), or is too large to
 *   keep its weights inside.
 */
export function encodeModel(graph: Graph, options: EncodeOptions = {}): EncodedModel {
  checkGraph(graph);
  const { opset = defaultOpset } = options;
  const irVersion = irVersionFor(graph, opset);
  const names = nameGraph(graph);
  const tensors = graph.constants.map((value) => ({
    name: names.value(value),
    tensor: constantTensor(value),
  }));
  const location = options.externalData;
  const placements = placeExternalData(location ? tensors.map(({ tensor }) => tensor) : []);

  // Before anything is framed: past 4 GB a length does not even fit its prefix.
  const inside = tensors.filter(({ tensor }) => !placements.has(tensor));
  requireOneMessage(inside.reduce((sum, { tensor }) => sum + byteLength(tensor), 0));

  const graphHead = encodeMessage("GraphProto", {
    name: "ssl-resnext",
    node: graph.nodes.map((node) => nodeProto(node, names)),
    input: [...graph.inputs].map(([name, value]) => valueInfoProto(name, value)),
    output: [...graph.outputs].map(([name, value]) => valueInfoProto(name, value)),
  });
  const initializers = tensors.map(({ name, tensor }) =>
    frameInitializer(name, tensor, location, placements.get(tensor)),
  );
  const graphBytes = initializers.reduce((sum, { bytes }) => sum + bytes, graphHead.length);
  const modelHead = concat(
    encodeMessage("ModelProto", {
      ir_version: irVersion,
      producer_name: "ssl-resnext",
      opset_import: operatorSets(graph, opset),
      metadata_props: keyValues(options.metadata ?? {}),
    }),
    fieldPrefix("ModelProto", "graph", graphBytes),
  );
  const size = modelHead.length + graphBytes;
  requireOneMessage(size);

  return {
    modelBytes: size,
    weights: externalDataChunks(placements),
    model: (async function* () {
      yield modelHead;
      yield graphHead;
      for (const { head, inline } of initializers) {
        yield head;
        if (inline) yield await tensorBytes(inline);
      }
    })(),
  };
}

/** The standard's operator set, and version 1 of any other that the nodes are of. */
function operatorSets(
  { nodes }: Graph,
  opset: number,
): { readonly domain: string; readonly version: number }[] {
  const domains = new Set(["", ...nodes.map(({ op }) => op.domain)]);
  return [...domains].map((domain) => ({ domain, version: domain === "" ? opset : 1 }));
}

function keyValues(entries: Readonly<Record<string, string>>): readonly Message<"StringStringEntryProto">[] {
  return Object.entries(entries).map(([key, value]) => ({ key, value }));
}

function requireOneMessage(bytes: number): void {
  if (bytes <= largestMessage) return;
  throw new GraphError(
    "graph/too-large",
    `The model takes ${bytes} bytes; one file holds ${largestMessage}. Write its weights as external data.`,
  );
}

interface Initializer {
  /** Everything up to the raw data. */
  readonly head: Uint8Array<ArrayBuffer>;
  /** The tensor whose bytes follow, unless they lie outside. */
  readonly inline: TensorSource | undefined;
  readonly bytes: number;
}

function frameInitializer(
  name: string,
  tensor: TensorSource,
  location: string | undefined,
  placement: Placement | undefined,
): Initializer {
  const described = { name, dims: tensor.dims, data_type: onnxType[tensor.dtype] };
  if (location !== undefined && placement) {
    const bytes = encodeMessage("TensorProto", {
      ...described,
      data_location: external,
      external_data: keyValues({ location, offset: `${placement.offset}`, length: `${placement.length}` }),
    });
    const head = concat(fieldPrefix("GraphProto", "initializer", bytes.length), bytes);
    return { head, inline: undefined, bytes: head.length };
  }
  const rest = encodeMessage("TensorProto", described);
  const data = fieldPrefix("TensorProto", "raw_data", byteLength(tensor));
  const length = rest.length + data.length + byteLength(tensor);
  const head = concat(fieldPrefix("GraphProto", "initializer", length), rest, data);
  return { head, inline: tensor, bytes: head.length + byteLength(tensor) };
}

function constantTensor({ source }: Graph["constants"][number]): TensorSource {
  if (source.kind === "constant") return source.tensor;
  throw new GraphError("graph/invalid-graph", "The graph lists a value among its constants that is none.");
}

function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/**
 * A graph as the bytes of one `.onnx` file, for graphs with few constants.
 *
 * @throws GraphError as `encodeModel`.
 */
export async function modelBytes(graph: Graph): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of encodeModel(graph).model) pieces.push(piece);
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/** ONNX Runtime maps external data into memory, which needs page-aligned offsets. */
const alignment = 4096;

/** Smaller tensors stay inside the model. */
const smallest = 1024;

interface Placement {
  readonly offset: number;
  readonly length: number;
}

/** Bytes that a tensor takes. */
function byteLength({ dtype, dims }: TensorSource): number {
  return bytesPerElement(dtype) * elementCount(dims);
}

/** Where each of the tensors that leave the model lies in the weights file. */
function placeExternalData(tensors: readonly TensorSource[]): ReadonlyMap<TensorSource, Placement> {
  const placements = new Map<TensorSource, Placement>();
  let end = 0;
  for (const tensor of tensors) {
    const length = byteLength(tensor);
    // A tensor that two constants share is written once.
    if (length < smallest || placements.has(tensor)) continue;
    const offset = Math.ceil(end / alignment) * alignment;
    placements.set(tensor, { offset, length });
    end = offset + length;
  }
  return placements;
}

/** Bytes of the weights file, read one tensor at a time. */
async function* externalDataChunks(
  placements: ReadonlyMap<TensorSource, Placement>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let position = 0;
  for (const [tensor, { offset, length }] of placements) {
    if (offset > position) yield new Uint8Array(offset - position);
    yield await tensorBytes(tensor);
    position = offset + length;
  }
}

/** Elements of a tensor as ONNX's little-endian raw data. */
async function tensorBytes(tensor: TensorSource): Promise<Uint8Array<ArrayBuffer>> {
  const { data } = await tensor.load();
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
