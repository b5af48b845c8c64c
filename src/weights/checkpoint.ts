import {
  SslResnextError,
  WeightsError,
  type ByteSource,
  type Sha256,
  type StateDict,
} from "../core/index.ts";

/** A weights file whose directory has been read; its elements are read tensor by tensor. */
export interface Checkpoint {
  readonly format: "pth-legacy" | "pth-zip" | "safetensors";
  /** By the names that the file has, in its order. */
  readonly tensors: StateDict;
  /** Where they lay in a `.pth`, such as `model_state_dict`; undefined when the file is the state dict itself. */
  readonly key?: string | undefined;
  /** The other dicts of tensors in a `.pth`, such as `state_dict_ema`, each of which `key` names. */
  readonly otherKeys?: readonly string[] | undefined;
  /**
   * Classes and functions that a `.pth` names and that only Python knows, such as `argparse.Namespace`: what was made of them
   * was passed over, and nothing of them ran.
   */
  readonly unread?: readonly string[] | undefined;
  /** safetensors: its `__metadata__`; `.pth`: strings and numbers beside the state dict, such as `epoch`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What a training program was called with, where a `.pth` keeps it as `args`: texts, numbers and lists of them. */
  readonly arguments?: Readonly<Record<string, ArgumentValue>> | undefined;
}

/** A plain value among the arguments of a training program. */
export type ArgumentValue = null | string | number | boolean | readonly ArgumentValue[];

/** Where training programs put averaged weights. */
export const averagedKeys: readonly string[] = ["state_dict_ema", "model_ema", "ema_state_dict"];

export interface OpenCheckpointOptions {
  /** Takes the averaged weights (`state_dict_ema`, `model_ema`, `ema_state_dict`) of a training checkpoint. @default false */
  readonly ema?: boolean | undefined;
  /** Takes the dict of tensors of this name, out of a file that holds several. @default the usual name that there is */
  readonly key?: string | undefined;
  /**
   * Keeps what training remembers of the tensors of a `.safetensors` file, such as momentum; otherwise the file gives
   * the weights that were validated: moving averages where training keeps them.
   *
   * @default false
   */
  readonly trainingState?: boolean;
}

/** Names inside a damaged or hostile file can be megabytes long. */
const longestMessage = 1000;

/** A WeightsError whose message starts with the file it is about. */
export function refuse(file: string, code: string, message: string, cause?: unknown): WeightsError {
  const cut = message.length > longestMessage ? `${message.slice(0, longestMessage)}…` : message;
  return new WeightsError(`weights/${code}`, `${file}: ${cut}`, cause === undefined ? {} : { cause });
}

/** Reads a range of a file after checking, before anything is allocated, that the file has it. */
export async function readRange(
  source: ByteSource,
  offset: number,
  length: number,
  what: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const valid = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (!valid || offset + length > source.size) {
    throw refuse(
      source.name,
      "truncated",
      `${what} should take ${length} bytes at offset ${offset}, but the file has ${source.size} bytes; ` +
        `it is damaged or its download was cut short.`,
    );
  }
  try {
    return await source.read(offset, length);
  } catch (cause) {
    if (cause instanceof SslResnextError) throw cause;
    throw refuse(source.name, "unreadable-file", `reading ${what} at offset ${offset} failed.`, cause);
  }
}

/** Adds names and values of weights to a hash, in the order of their names; shapes follow from the network. */
export async function hashWeights(hash: Pick<Sha256, "update">, weights: StateDict): Promise<void> {
  const encoder = new TextEncoder();
  for (const [name, tensor] of [...weights].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const { data } = await tensor.load();
    hash.update(encoder.encode(name));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
}
