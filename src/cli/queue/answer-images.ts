import { basename, dirname } from "node:path";
import { UsageError } from "../../core/index.ts";
import { nodeStorageFor } from "../../node/files/file-storage.ts";
import { removeUnfinished } from "../../node/files/file-system.ts";
import { namesBeside } from "../../node/output/npy-writer.ts";
import type { Outcome } from "../options/command.ts";
import { partFile, partOf } from "../options/part.ts";
import { plural } from "../output/numbers.ts";
import type { Terminal } from "../output/terminal.ts";
import { openAnswered, type AnswerCommand, type AnsweredPart, type AnswerOptions } from "./answer-command.ts";
import { firstPart, withQueue, type RunQueue } from "./with-queue.ts";

/** Answers for the images of the inputs: for all of them, for a part, or by the workers of a queue. */
export async function answerImages<Options extends AnswerOptions>(
  command: AnswerCommand<Options>,
  inputs: readonly string[],
  options: Options,
  terminal: Terminal,
): Promise<Outcome> {
  await command.check(options);
  return withQueue(options, terminal, async (queue) => {
    if (queue) return answerByQueue(command, inputs, options, queue, terminal);
    const part = partOf(options.part);
    const images = await openAnswered(inputs, options, part, terminal.signal);
    await using answerer = await command.open(options, terminal);
    const { failed } = await answerer.answer(images, part, terminal);
    return failed > 0 ? "failed" : "ok";
  });
}

/** @throws UsageError `usage/no-effect` without a file for the answers; what opening images and model throws; what the queue throws */
async function answerByQueue<Options extends AnswerOptions>(
  command: AnswerCommand<Options>,
  inputs: readonly string[],
  options: Options,
  queue: RunQueue,
  terminal: Terminal,
): Promise<Outcome> {
  if (options.output === undefined) {
    throw new UsageError(
      "usage/no-effect",
      "--queue needs --output: the file that workers number and write, one for each part.",
    );
  }
  const { pieces } = await openAnswered(inputs, options, firstPart(options), terminal.signal);
  // Whether the answers can be written, and the model gives what it is asked, is said here, and not by each worker.
  const first = partFile(options.output, firstPart(options));
  await (await nodeStorageFor(first).create(first)).abort();
  await (await command.open(options, terminal))[Symbol.asyncDispose]();
  const { doByQueue } = await import("./do-by-queue.ts");
  const { merged, failed, parts } = await doByQueue<AnsweredPart>(
    command.name,
    inputs,
    options,
    pieces,
    queue,
    terminal,
  );
  await removeOfKilled(options.output, parts);
  const { images, broken } = merged;
  const unread = broken === 0 ? "" : `, ${broken} of them broken`;
  const rest = failed === 0 ? "" : `; ${failed} failed: give the command again`;
  await terminal.print([
    `run ${queue.name}: ${plural(parts - failed, "part")} with ${plural(images + broken, "image")}${unread}${rest}`,
  ]);
  return broken + failed > 0 ? "failed" : "ok";
}

/** Removes what killed workers had begun of files of parts, which others have written since. Object stores show none of it. */
async function removeOfKilled(output: string, count: number): Promise<void> {
  const path = nodeStorageFor(output).path(output);
  if (path === undefined) return;
  const files = Array.from({ length: count }, (_, at) => partFile(path, { index: at + 1, count }));
  const written = files.flatMap((file) => [file, namesBeside(file)]);
  await removeUnfinished(dirname(path), new Set(written.map((file) => basename(file))));
}
