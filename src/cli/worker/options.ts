import type { CommandDefinition, OptionValues } from "../options/command.ts";
import { runOptions } from "../options/model-options.ts";
import { flag } from "../options/schemas.ts";

/** `worker`: takes shards from a queue. */
export const workerCommand = {
  operands: { "<redis>": "the Redis that has the queue, such as redis://host:6379" },
  options: {
    untilDone: {
      flags: "--until-done",
      about: "end when nothing is left to do, instead of waiting for more",
      schema: flag,
    },
    json: { flags: "--json", about: "print one JSON object a line for each event", schema: flag },
    device: runOptions.device,
    workers: runOptions.workers,
    threads: runOptions.threads,
  },
  examples: [
    ["worker redis://host:6379", "do shards of all runs in the queue; Ctrl-C gives the last one back"],
    ["worker redis://host:6379 --until-done", "the same in a job of a scheduler, which ends with the work"],
  ],
} satisfies CommandDefinition;

export type WorkerOptions = OptionValues<typeof workerCommand.options>;
