import type { OptionTable, OptionValues } from "./command.ts";
import { flag, integer, queueName, redisAddress } from "./schemas.ts";

/** What the shares of the work are called: archives of a collection, or parts of the images. */
type Share = "shards" | "parts";

/**
 * A queue from which workers take shares of the work.
 *
 * @param kept What stands when the run is taken out.
 */
export const queueOptions = (shares: Share, kept: string, group: string) =>
  ({
    queue: {
      flags: "--queue <redis>",
      about: `put the ${shares} into a queue in Redis, from which any number of ssl-resnext worker take them (bullmq and ioredis; docs/clusters.md)`,
      group,
      schema: redisAddress.optional(),
    },
    name: {
      flags: "--name <run>",
      about: "--queue: what the run is called there; the same command shows it again",
      group,
      schema: queueName.optional(),
    },
    drop: {
      flags: "--drop",
      about: `--queue: take the run out of the queue, instead of starting it; ${kept} stay`,
      group,
      schema: flag,
    },
  }) satisfies OptionTable;

/** The same for commands over images, which are shared out in parts. */
export const queueOfParts = {
  ...queueOptions("parts", "files that were written", "Input:"),
  parts: {
    flags: "--parts <count>",
    about:
      "--queue: in how many parts (default: 100, or one for each archive, table and image of a folder where these are fewer)",
    group: "Input:",
    schema: integer(1).optional(),
  },
} satisfies OptionTable;

/** What a command line says of a queue. */
export type QueueOptions = Partial<OptionValues<typeof queueOfParts>>;
