import type { SemiEvent } from "../../node/semi/index.ts";
import { eventEntry } from "../train/event-entry.ts";

/** An event as one line of JSON. */
export function semiEntry(event: SemiEvent): object {
  return event.type === "training" ? { ...event, event: eventEntry(event.event) } : event;
}
