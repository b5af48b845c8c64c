import * as z from "zod";
import { about, count, number, text } from "../output/json.ts";

const type = <const Name extends string>(name: Name, meaning: string): z.ZodLiteral<Name> =>
  about(z.literal(name), meaning);

const run = about(text, "what the run is called in the queue");
const shard = about(text, "the file that is written of the shard, or which part of the images it is");

/** A line of `worker --json`: what happens, in order. */
export const workerJson = z.discriminatedUnion("type", [
  z.strictObject({ type: type("run-opened", "shards of a run are taken from now on"), run }),
  z.strictObject({
    type: type("run-refused", "a run cannot be helped here, and is left to others"),
    run,
    code: about(text, "stable, such as `cluster/other-version`"),
    message: about(text, "why, and what to do"),
  }),
  z.strictObject({ type: type("shard-started", "a shard was taken from the queue"), run, shard }),
  z.strictObject({
    type: type("shard-scored", "a shard is done: its file stands"),
    run,
    shard,
    images: about(count, "images that were scored, or answered for"),
    broken: about(count, "images that cannot be used"),
    stood: about(z.boolean(), "whether its score file stood before"),
    seconds: about(number, "how long it took"),
  }),
  z.strictObject({
    type: type("shard-failed", "a shard could not be done; it is tried three times, by whoever takes it"),
    run,
    shard,
    reason: about(text, "why"),
  }),
  z.strictObject({ type: type("shard-returned", "a shard went back into the queue at a stop"), run, shard }),
  z.strictObject({ type: type("run-merged", "all shards of a run are done"), run }),
]);

export type WorkerJson = z.infer<typeof workerJson>;
