import { openFileSource } from "../../src/node/files/file-storage.ts";
import { openCheckpoint } from "../../src/weights/index.ts";

/** The bytes of each tensor of a checkpoint, training's among them. */
export async function tensorsOf(path: string): Promise<ReadonlyMap<string, Buffer>> {
  await using source = await openFileSource(path);
  const { tensors } = await openCheckpoint(source, { trainingState: true });
  const loaded = new Map<string, Buffer>();
  for (const [name, tensor] of tensors) {
    const { data } = await tensor.load();
    loaded.set(name, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  }
  return loaded;
}
