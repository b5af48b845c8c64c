import type { StateDict } from "../core/index.ts";

/** A weights file whose directory has been read; its elements are read tensor by tensor. */
export interface Checkpoint {
  readonly format: "pth-legacy" | "pth-zip" | "safetensors";
  /** Names without `module.` and `_orig_mod.` prefixes, in file order. */
  readonly tensors: StateDict;
  /** safetensors: its `__metadata__`; `.pth`: strings and numbers beside the state dict, such as `epoch`. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface OpenCheckpointOptions {
  /** Takes the averaged weights (`state_dict_ema`, `model_ema`) of a training checkpoint. @default false */
  readonly ema?: boolean;
  /**
   * Keeps what training remembers of the tensors of a `.safetensors` file, such as momentum; otherwise the file gives
   * the weights that were validated: moving averages where training keeps them.
   *
   * @default false
   */
  readonly trainingState?: boolean;
}
