import type { ByteSource, StateDict } from "../../core/index.ts";
import type { Checkpoint, OpenCheckpointOptions } from "../checkpoint.ts";
import type { PickleValue } from "../pickle/index.ts";
import { refuse } from "../refuse.ts";
import { findStateDict } from "./find-state-dict.ts";
import { stridedSource } from "./strided-source.ts";

/** The longest pickle that is read, in bytes: a state dict of 626 tensors takes about 100 kB. */
export const maximumPickleBytes: number = 16 * 2 ** 20;

/** The state dict of an unpickled `.pth` as lazy tensors; `offsets` says where each storage's bytes start. */
export function tensorsOf(
  source: ByteSource,
  root: PickleValue,
  offsets: ReadonlyMap<string, number>,
  options: OpenCheckpointOptions,
): Pick<Checkpoint, "tensors" | "metadata"> {
  const { tensors, metadata } = findStateDict(source.name, root, options);
  const entries: StateDict = new Map(
    [...tensors].map(([name, tensor]) => {
      const offset = offsets.get(tensor.storage.key);
      if (offset === undefined) {
        throw refuse(
          source.name,
          "invalid-tensor",
          `${name} needs storage "${tensor.storage.key}", which is absent.`,
        );
      }
      return [name, stridedSource(source, name, tensor, offset)];
    }),
  );
  return { tensors: entries, metadata };
}
