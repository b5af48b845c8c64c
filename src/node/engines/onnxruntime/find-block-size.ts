import type { BlockSizeCheck } from "./block-size.ts";
import { onnxRuntime } from "./onnx-runtime.ts";

type CheckResults = Readonly<Record<string, Float32Array>>;

/** The first block size that computes in every check what the reference does. */
export async function findBlockSize(checks: readonly BlockSizeCheck[]): Promise<number | undefined> {
  for (const { blockSize } of checks[0]?.candidates ?? []) {
    if (await agreesInAll(checks, blockSize)) return blockSize;
  }
  return undefined;
}

/** In their order, and no further than the first that does not agree: later ones are of more kernels. */
async function agreesInAll(checks: readonly BlockSizeCheck[], blockSize: number): Promise<boolean> {
  for (const { feeds, reference, candidates } of checks) {
    const candidate = candidates.find((each) => each.blockSize === blockSize);
    const expected = await runCheck(reference, feeds);
    const found = candidate && (await runCheck(candidate.model, feeds));
    if (!expected || !found || !agree(found, expected)) return false;
  }
  return true;
}

function agree(found: CheckResults, expected: CheckResults): boolean {
  return Object.entries(expected).every(([name, values]) => {
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return values.every((value, index) => Math.abs(value - found[name]![index]!) <= 1e-4 * largest);
  });
}

async function runCheck(
  model: Uint8Array,
  feeds: BlockSizeCheck["feeds"],
): Promise<CheckResults | undefined> {
  try {
    const session = await onnxRuntime.InferenceSession.create(model, { intraOpNumThreads: 1 });
    const tensors = Object.entries(feeds).map(([name, { data, dims }]) => [
      name,
      new onnxRuntime.Tensor("float32", data, dims),
    ]);
    const results = await session.run(Object.fromEntries(tensors));
    await session.release();
    return Object.fromEntries(
      Object.entries(results).map(([name, { data }]) => [name, data as Float32Array]),
    );
  } catch {
    // A runtime that does not know the operators refuses the model.
    return undefined;
  }
}
