import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema } from "onnx-buf";
import { InferenceSession } from "onnxruntime-node";

/** How many nodes of each op a model has once ONNX Runtime has optimised it: what it really computes. */
export async function optimisedOps(model: Uint8Array): Promise<Readonly<Record<string, number>>> {
  const folder = mkdtempSync(join(tmpdir(), "optimised-"));
  try {
    const optimizedModelFilePath = join(folder, "model.onnx");
    const session = await InferenceSession.create(model, { optimizedModelFilePath, logSeverityLevel: 3 });
    await session.release();
    const { graph } = fromBinary(ModelProtoSchema, readFileSync(optimizedModelFilePath));
    const ops: Record<string, number> = {};
    for (const { opType } of graph!.node) ops[opType] = (ops[opType] ?? 0) + 1;
    return ops;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
