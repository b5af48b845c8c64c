import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { viewAs, type DType, type Tensor } from "../../src/core/index.ts";
import { runReference } from "./torch.ts";

interface TensorEntry {
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly offset: number;
  readonly bytes: number;
}

/** Reads tensors that a reference script wrote: `<path>.json` lists them, `<path>.bin` holds their elements. */
export function readTensors(path: string): Readonly<Record<string, Tensor>> {
  const entries = JSON.parse(readFileSync(`${path}.json`, "utf8")) as Record<string, TensorEntry>;
  const bytes = new Uint8Array(readFileSync(`${path}.bin`));
  return Object.fromEntries(
    Object.entries(entries).map(([name, { dtype, dims, offset, bytes: length }]) => [
      name,
      { dtype, dims, data: viewAs(dtype, bytes.slice(offset, offset + length)) },
    ]),
  );
}

export interface Expression {
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** Python, with the inputs by name, `torch` and `F` (torch.nn.functional) in scope. */
  readonly torch: string;
}

/** What PyTorch makes of each expression, all in one process. */
export function evaluateInTorch(
  expressions: Readonly<Record<string, Expression>>,
): Readonly<Record<string, Tensor>> {
  const folder = mkdtempSync(join(tmpdir(), "torch-"));
  try {
    const parts: Uint8Array[] = [];
    let offset = 0;
    const place = ({ dtype, dims, data }: Tensor): TensorEntry => {
      parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      const entry = { dtype, dims, offset, bytes: data.byteLength };
      offset += data.byteLength;
      return entry;
    };
    const cases = Object.entries(expressions).map(([name, { inputs, torch }]) => ({
      name,
      torch,
      inputs: Object.fromEntries(Object.entries(inputs).map(([key, value]) => [key, place(value)])),
    }));
    writeFileSync(join(folder, "cases.json"), JSON.stringify(cases));
    writeFileSync(join(folder, "cases.bin"), Buffer.concat(parts));
    runReference("ops.py", join(folder, "cases"), join(folder, "results"));
    return readTensors(join(folder, "results"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
