import type { ImageSource, Part } from "../../data/index.ts";
import { openImagesFrom } from "../../node/images/open-images-from.ts";
import type { OutputOptions } from "../options/input-output-options.ts";
import type { DecodeOption, PrecisionOptions } from "../options/model-options.ts";
import type { Terminal } from "../output/terminal.ts";
import type { ImageCounts } from "../output/write-answers.ts";
import type { QueuedOptions } from "./do-by-queue.ts";

/** What the commands have in common that answer for each image. */
export type AnswerOptions = QueuedOptions &
  OutputOptions &
  PrecisionOptions &
  DecodeOption & {
    readonly imageColumn?: string | undefined;
    readonly labelColumn?: string | undefined;
  };

/** What came of a part, or of all parts of a queue. */
export interface AnsweredPart {
  /** Images with an answer. */
  readonly images: number;
  /** Images that cannot be used. */
  readonly broken: number;
}

/** A model that is open, and answers for images what a command line asks of it. */
interface Answerer extends AsyncDisposable {
  /**
   * Writes the answers to a file, that of the part where there is one.
   *
   * @param onImage Is called for each image.
   */
  answer(
    images: ImageSource,
    part: Part | undefined,
    terminal: Terminal,
    onImage?: () => void,
  ): Promise<ImageCounts>;
}

/** A command that answers for each image. */
export interface AnswerCommand<Options extends AnswerOptions> {
  readonly name: "classify" | "embed";
  /** @throws UsageError for options that do not go together, and for small files that cannot be read */
  check(options: Options): Promise<void>;
  open(options: Options, terminal: Terminal): Promise<Answerer>;
}

/** The images of the inputs, or a part of them. @param folder Where relative paths begin. @default that of the process */
export const openAnswered = (
  inputs: readonly string[],
  { imageColumn, labelColumn, explain }: AnswerOptions,
  part: Part | undefined,
  signal: AbortSignal,
  folder?: string,
): Promise<ImageSource> =>
  // Pictures that explain are none of the data, whichever part drew them.
  openImagesFrom(folder, inputs, {
    imageColumn,
    labelColumn,
    part,
    exclude: explain,
    readLabels: false,
    signal,
  });
