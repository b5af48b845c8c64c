import { DataError } from "../../core/index.ts";
import { silent, type Terminal } from "../output/terminal.ts";
import { mergeMeasured, type MeasuredPart } from "../validate/measure-by-queue.ts";
import type { ValidateOptions } from "../validate/options.ts";
import { openAnswered, type AnswerCommand, type AnsweredPart, type AnswerOptions } from "./answer-command.ts";
import { modelHash, type QueuedCommand, type QueuedOptions, type QueuedPart } from "./do-by-queue.ts";

/** What came of a part. */
export interface DonePart extends AnsweredPart {
  /** Whether it was done before: a part is always done anew. */
  readonly stood: false;
  /** With `validate`. */
  readonly measured?: MeasuredPart | undefined;
}

/** Does a command for parts of the images of a run that another process began. */
export interface PartWorker extends AsyncDisposable {
  /** @param onImage Is called for each image. */
  score(
    part: QueuedPart,
    options: { readonly signal: AbortSignal; readonly onImage: () => void },
  ): Promise<DonePart>;
  merge(name: string, parts: readonly DonePart[]): Promise<Omit<DonePart, "stood">>;
}

/** How a worker uses its machine. */
type Machine = Pick<QueuedOptions, "device" | "workers" | "threads">;

/**
 * Opens the model that a run asks for; its sessions stay open from one part to the next.
 *
 * @throws DataError `data/other-model` where another file lies under the model's name; what opening a model throws
 */
export async function openPartWorker(
  queued: QueuedCommand,
  machine: Machine,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<PartWorker> {
  const { command, model } = queued;
  const options: QueuedOptions = { ...queued.options, ...machine };
  const found = await modelHash(options, signal);
  if (found !== model) {
    throw new DataError(
      "data/other-model",
      `${options.weights ?? options.model}: expected the model ${model?.slice(0, 8)} that the run was begun with, received ${found?.slice(0, 8)}. Make the file that the run was begun with readable here.`,
    );
  }
  const { doPart, close } = await open[command](queued, options, { ...terminal, signal });
  return {
    async score(part, { signal: stop, onImage }) {
      const { terminal: own, end } = quiet(terminal, stop);
      try {
        return await doPart(part, own, onImage);
      } finally {
        end();
      }
    },
    merge: (_, parts) => {
      const sum = (count: (part: DonePart) => number): number =>
        parts.reduce((total, part) => total + count(part), 0);
      return Promise.resolve({
        images: sum(({ images }) => images),
        broken: sum(({ broken }) => broken),
        measured: mergeMeasured(parts.flatMap(({ measured }) => measured ?? [])),
      });
    },
    [Symbol.asyncDispose]: close,
  };
}

/** Opens a command's model. */
type Open = (
  images: Pick<QueuedCommand, "inputs" | "folder">,
  options: QueuedOptions,
  terminal: Terminal,
) => Promise<{
  readonly doPart: (part: QueuedPart, terminal: Terminal, onImage: () => void) => Promise<DonePart>;
  readonly close: () => Promise<void>;
}>;

const answering =
  (load: () => Promise<AnswerCommand<AnswerOptions>>): Open =>
  async ({ inputs, folder }, given, terminal) => {
    const options = given as AnswerOptions;
    const answerer = await (await load()).open(options, terminal);
    return {
      async doPart(part, own, onImage) {
        const images = await openAnswered(inputs, options, part, own.signal, folder);
        const counts = await answerer.answer(images, part, own, onImage);
        return { images: counts.images - counts.failed, broken: counts.failed, stood: false };
      },
      close: async () => answerer[Symbol.asyncDispose](),
    };
  };

const measuring: Open = async ({ inputs, folder }, given, terminal) => {
  const { openMeasured, openMeasurer } = await import("../validate/measure.ts");
  const { sumsOf } = await import("../../predict/metrics/report-sums.ts");
  const options = given as ValidateOptions;
  const measurer = await openMeasurer(options, terminal);
  return {
    async doPart(part, own, onImage) {
      const { images } = await openMeasured(inputs, options, part, own, folder);
      const { engine, report } = await measurer.measure(images, own, { onProgress: onImage });
      const { count, failed } = report;
      return { images: count, broken: failed, stood: false, measured: { engine, sums: sumsOf(report) } };
    },
    close: async () => measurer[Symbol.asyncDispose](),
  };
};

const open: Readonly<Record<QueuedCommand["command"], Open>> = {
  classify: answering(async () => (await import("../classify/run.ts")).classifier),
  embed: answering(async () => (await import("../embed/run.ts")).embedder),
  validate: measuring,
};

/** A terminal for one part of many, until its end. What was written of a part is given up at a stop, as another worker will write it. */
function quiet(
  terminal: Terminal,
  stop: AbortSignal,
): { readonly terminal: Terminal; readonly end: () => void } {
  const given = new AbortController();
  const giveUp = (): void => given.abort(new Error("the part is given back"));
  if (stop.aborted) giveUp();
  else stop.addEventListener("abort", giveUp, { once: true });
  return {
    terminal: { ...silent(terminal), signal: given.signal },
    end: () => stop.removeEventListener("abort", giveUp),
  };
}
