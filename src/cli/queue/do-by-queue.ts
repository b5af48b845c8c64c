import { printable } from "../../core/index.ts";
import type { RunEnd } from "../../cluster/queue/start-run.ts";
import type { Part } from "../../data/index.ts";
import { nodeStorageFor } from "../../node/files/file-storage.ts";
import { isRelative } from "../../node/images/open-images-from.ts";
import { nodeSemiPlatform } from "../../node/semi.ts";
import { isOnnxPath, isWeightsPath } from "../../predict/open-model.ts";
import { openFingerprints } from "../../semi/fingerprints.ts";
import { absolutePath } from "../../semi/settings/absolute-paths.ts";
import { weightsFile } from "../../weights/index.ts";
import { asPath } from "../open-model.ts";
import type { ModelOptions, RunOptions } from "../options/model-options.ts";
import { partFile } from "../options/part.ts";
import type { QueueOptions } from "../options/queue.ts";
import type { Terminal } from "../output/terminal.ts";
import { filledLine, queueProgressLine } from "./view.ts";
import { firstPart, type RunQueue } from "./with-queue.ts";

/** What the options of such commands say of files, of their model and their queue. */
export type QueuedOptions = QueueOptions &
  ModelOptions &
  RunOptions & {
    readonly part?: string | true | undefined;
    readonly output?: string | undefined;
    /** A folder that is written to. */
    readonly explain?: string | undefined;
    /** A file of class names. */
    readonly labels?: string | undefined;
    readonly calibrate?: string | undefined;
    readonly real?: string | undefined;
    readonly subset?: string | undefined;
  };

/** What a queue says of a run besides its parts: plain data, for processes of this version. */
export interface QueuedCommand {
  readonly command: "classify" | "embed" | "validate";
  /** As they were given, since images are named by them. */
  readonly inputs: readonly string[];
  /** Where those inputs begin that are relative paths; left out where none is. */
  readonly folder?: string | undefined;
  /** Of the command line, with absolute paths. */
  readonly options: QueuedOptions;
  /** SHA-256 of the file of the model; a published model is its name. */
  readonly model?: string | undefined;
}

/** A part of the images in a queue. */
export interface QueuedPart extends Part {
  /** The file that is written of it, or which part it is. */
  readonly name: string;
}

/**
 * Lets other processes do a command, for a part of the images each at a time, and shows how far they are.
 *
 * @param pieces That there are to share out.
 * @throws what the queue throws
 */
export async function doByQueue<Merged>(
  command: QueuedCommand["command"],
  inputs: readonly string[],
  options: QueuedOptions,
  pieces: number | undefined,
  queue: RunQueue,
  terminal: Terminal,
): Promise<RunEnd<Merged> & { readonly parts: number }> {
  const { signal } = terminal;
  const { output } = options;
  const asked = firstPart(options).count;
  const count = Math.min(asked, pieces ?? asked);
  const work: QueuedCommand = {
    command,
    inputs,
    folder: inputs.some(isRelative) ? process.cwd() : undefined,
    options: sharedOptions(command, options),
    model: await modelHash(options, signal),
  };
  const queued = Array.from({ length: count }, (_, at): QueuedPart => {
    const part = { index: at + 1, count };
    const file = output && partFile(absolutePath(nodeStorageFor, output), part);
    return { ...part, name: file ?? `part ${part.index} of ${count}` };
  });
  const events = queue.run<Merged>(work, queued, signal);
  for (;;) {
    const next = await events.next();
    if (next.done) {
      terminal.clearStatus();
      return { ...next.value, parts: count };
    }
    const event = next.value;
    if (event.type === "queue-filled") terminal.notice(filledLine(event, "part"));
    if (event.type === "queue") terminal.status((columns) => queueProgressLine(event, "parts", columns));
    if (event.type === "shard-failed") {
      const style = terminal.noticeStyle;
      terminal.notice(`${style.failure("failed:")} ${printable(event.shard)}: ${printable(event.reason)}`);
    }
  }
}

/** What concerns the one who fills the queue, or what each worker decides for its own machine. */
const notShared: ReadonlySet<string> = new Set([
  "queue",
  "name",
  "drop",
  "part",
  "parts",
  "device",
  "workers",
  "threads",
  "verbose",
  // What is made of the figures of all images.
  "results",
  "confusion",
  "perClass",
]);

/** The options that workers go by, with paths that hold from any folder. */
function sharedOptions(command: QueuedCommand["command"], options: QueuedOptions): QueuedOptions {
  const { output, explain, labels, calibrate, real, weights } = options;
  const model = isModelPath(options.model) ? options.model : undefined;
  // ImageNet's subsets have names.
  const subset = options.subset?.startsWith("imagenet-") ? undefined : options.subset;
  const files = Object.entries({ output, explain, labels, calibrate, real, weights, model, subset });
  const absolute = files.flatMap(([option, path]) =>
    path === undefined ? [] : [[option, absolutePath(nodeStorageFor, path)]],
  );
  const shared = Object.entries(options).filter(
    ([option]) => !notShared.has(option) && !(option === "json" && command === "validate"),
  );
  return Object.fromEntries([...shared, ...absolute]) as QueuedOptions;
}

const isModelPath = (model: string | undefined): model is string =>
  model !== undefined && (isWeightsPath(model) || isOnnxPath(model));

/** SHA-256 of the file that holds the model; undefined for published weights. */
export async function modelHash(
  { model, weights }: Pick<ModelOptions, "model" | "weights">,
  signal: AbortSignal,
): Promise<string | undefined> {
  const path = weights === undefined ? model : asPath(weights);
  if (!isModelPath(path)) return undefined;
  const file = isOnnxPath(path) ? path : await weightsFile(nodeStorageFor, path);
  return (await openFingerprints(nodeSemiPlatform, undefined, [])).file(file, signal);
}
