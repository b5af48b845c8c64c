import type { ByteSource } from "../core/index.ts";
import { readRange, refuse, type Checkpoint, type OpenCheckpointOptions } from "./checkpoint.ts";
import { openSafetensors } from "./safetensors.ts";

/** How files start that are often met in place of weights. */
const strangers: readonly (readonly [string, string])[] = [
  ["version https://git-lfs", "a Git LFS pointer: fetch the file itself with `git lfs pull`"],
  ["<!doctype", "a web page: the download did not deliver the file"],
  ["<html", "a web page: the download did not deliver the file"],
  ["<?xml", "an XML page: the download did not deliver the file"],
  ["\u001f\u008b", "gzip data: unpack it first"],
  ["\u0089hdf", "an HDF5 file"],
];

/**
 * Opens a `.pth` of either format or a `.safetensors` file, told apart by their first bytes. Only the directory is
 * read; every tensor reads its own elements when loaded.
 *
 * A training checkpoint gives the dict of tensors under `key`, or under the first usual name that it has: `state_dict`,
 * `model_state_dict`, `model`, `module`, …; else the only one there is. With `ema` it gives the averaged one.
 *
 * @throws WeightsError, and nothing else, for whatever the bytes may be; code in a pickle is never executed.
 */
export async function openCheckpoint(
  source: ByteSource,
  options: OpenCheckpointOptions = {},
): Promise<Checkpoint> {
  const head = await readRange(source, 0, Math.min(512, source.size), "the start of the file");
  const [first, second, third, fourth] = head;
  if (first === 0x50 && second === 0x4b && third === 3 && fourth === 4) {
    return (await openPth()).openZipPth(source, options);
  }
  // An eight-byte length, then JSON; before pickles, since a length of 128 starts like one.
  if (head[8] === 0x7b) {
    const checkpoint = await openSafetensors(source);
    if (options.trainingState) return checkpoint;
    if (options.ema && ![...checkpoint.tensors.keys()].some((name) => name.endsWith("/ema"))) {
      throw refuse(source.name, "no-ema", "has no averaged weights beside its own. Open it without ema.");
    }
    return { ...checkpoint, tensors: inferenceWeights(checkpoint.tensors) };
  }
  if (first === 0x80) return (await openPth()).openLegacyPth(source, options);

  const text = String.fromCharCode(...head);
  const stranger = strangers.find(([start]) => text.trimStart().toLowerCase().startsWith(start))?.[1];
  const what =
    head.length === 0
      ? "it is empty"
      : text.slice(257, 262) === "ustar"
        ? "it is a tar archive, as torch before 0.2 wrote: load and save it again with a later PyTorch"
        : head[0] === 8 && head[2] === 0x12 && /pytorch|onnx|tf2onnx|keras|skl2onnx/i.test(text)
          ? "it is an ONNX model: let its name end in .onnx"
          : stranger !== undefined
            ? `it is ${stranger}`
            : `it starts with ${[...head.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ")}`;
  throw refuse(source.name, "unknown-format", `expected a .pth or .safetensors file, but ${what}.`);
}

/** The reader of pickles, when it is first needed: pages seldom open them. */
const openPth = (): Promise<typeof import("./pth/open-pth.ts")> => import("./pth/open-pth.ts");

/** Scope of the parameters that training adds to a network, a projection head. */
export const projectionScope = "projection";

/**
 * The weights for inference out of the state of a training: moving averages where they are kept, and nothing else
 * that is remembered of a tensor. A tensor `name/slot` is what is remembered of the tensor `name`.
 */
export function inferenceWeights<T>(tensors: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  const remembered = (name: string): boolean => {
    const end = name.lastIndexOf("/");
    return end > 0 && tensors.has(name.slice(0, end));
  };
  return new Map(
    [...tensors]
      .filter(([name]) => !remembered(name) && !name.startsWith(`${projectionScope}.`))
      .map(([name, tensor]): [string, T] => [name, tensors.get(`${name}/ema`) ?? tensor]),
  );
}
