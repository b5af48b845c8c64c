// One model on one engine in a process of its own: what is measured is a session as a user has it.
import { readFileSync } from "node:fs";
import { tensor, type Tensor } from "ssl-resnext/core";
import { nodePlatform } from "ssl-resnext/node";
import type { Engine, FloatPrecision, Session } from "ssl-resnext/runtime";
import { serveCommands } from "./serve-commands.ts";

interface LoadRequest {
  readonly model: string;
  readonly engine: Engine;
  readonly precision: FloatPrecision;
  /** A file of float32 images, normalised, of which a batch is taken. */
  readonly images: string;
  readonly batch: number;
  readonly threads: number;
}

let session: Session | undefined;
let input: Tensor<"float32">;

async function load({ model, images, batch, ...options }: LoadRequest): Promise<void> {
  const length = batch * 3 * 224 * 224;
  const pixels = new Float32Array(new Uint8Array(readFileSync(images)).buffer, 0, length);
  input = tensor("float32", [batch, 3, 224, 224], pixels);
  session = await nodePlatform.createSession(model, { ...options, batchSize: batch });
}

interface RunRequest {
  readonly repeats: number;
  /** Passes before those that are timed. */
  readonly untimed: number;
}

/** Seconds of one pass, the mean over `repeats`. What goes in moves to the session's thread, as in a pipeline: no copy is timed. */
async function run({ repeats, untimed }: RunRequest): Promise<number> {
  const [name = "images"] = session!.inputNames;
  // Made before the first pass, so that nothing comes between that one and the others.
  const inputs = Array.from({ length: untimed + repeats }, () => ({ ...input, data: input.data.slice() }));
  let start = performance.now();
  for (const [index, images] of inputs.entries()) {
    if (index === untimed) start = performance.now();
    await session!.run({ [name]: images }, { transfer: true });
  }
  return (performance.now() - start) / 1000 / repeats;
}

await serveCommands({ load, run });
await session?.release();
