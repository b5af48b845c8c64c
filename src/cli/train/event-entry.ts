import type { TrainingEvent } from "../../node/trainer/index.ts";

/** An event as one line of JSON. */
export function eventEntry(event: TrainingEvent): object {
  if (event.type !== "skipped") return event;
  const { error, ...rest } = event;
  return { ...rest, error: { code: error.code, message: error.message } };
}
