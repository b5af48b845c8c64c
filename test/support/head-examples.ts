import { seededRandom } from "../../src/core/index.ts";
import { nodePlatform } from "../../src/node/platform.ts";
import { openSession } from "../../src/predict/index.ts";
import type { Session } from "../../src/runtime/index.ts";
import { headGraph, type Examples, type HeadGraphOptions } from "../../src/train/index.ts";

/** Embeddings whose classes overlap: correlated features of very different sizes around a centre a class. */
export function seededExamples({
  rows,
  length,
  numClasses,
}: Pick<Examples, "rows" | "length" | "numClasses">): Examples {
  const random = seededRandom(11);
  const normals = (count: number): Float32Array => new Float32Array(count).map(() => random.normal());
  const centres = normals(numClasses * length);
  const features = new Float32Array(rows * length);
  const labels = Int32Array.from({ length: rows }, (_, row) => row % numClasses);
  for (let row = 0; row < rows; row++) {
    const shared = random.normal();
    for (let j = 0; j < length; j++) {
      const size = 10 ** ((j % 5) - 2);
      const value = 0.5 * centres[labels[row]! * length + j]! + shared + 2 * random.normal();
      features[row * length + j] = size * (3 + value);
    }
  }
  return { rows, length, numClasses, features, labels };
}

/** Opens the graph of a head's loss in ONNX Runtime. */
export function openHeadSession(examples: Examples, options?: HeadGraphOptions): Promise<Session> {
  return openSession(nodePlatform, headGraph(examples, options));
}
