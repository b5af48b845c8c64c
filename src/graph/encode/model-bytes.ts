import type { Graph } from "../graph.ts";
import { encodeModel } from "./encode-model.ts";

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
