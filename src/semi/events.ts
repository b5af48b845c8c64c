import type { SslResnextError } from "../core/index.ts";
import type { Part } from "../data/index.ts";
import type { ProblemsEvent, TrainingEvent } from "../train/index.ts";
import type { Method, StageKind } from "./plan/stage.ts";
import type { Arm } from "./report/data.ts";
import type { Verdict } from "./report/verdict.ts";
import type { Manifest } from "./stages/manifest.ts";

/** Whether the files of a stage stand. */
export type StageStatus = "done" | "to resume" | "to redo" | "to do";

/** A stage before the run begins. */
export interface PlannedStage {
  readonly stage: string;
  readonly kind: StageKind;
  readonly status: StageStatus;
  /** What has changed since its files were made. */
  readonly changes: readonly string[];
  /** About how long it takes, where that was found out. */
  readonly seconds?: number | undefined;
}

/** Another process works in the folder; the run begins when it has ended. */
export interface WaitingEvent {
  readonly type: "waiting";
  readonly folder: string;
}

/** Some more shards of unlabelled images were hashed: their hashes show later whether they have changed. */
export interface ShardsEvent {
  readonly type: "shards";
  readonly done: number;
  readonly total: number;
  readonly shardsPerSecond: number;
}

/** Something that a stage will do otherwise than its recipe says. */
export interface StageNote {
  readonly stage: string;
  readonly message: string;
}

/** How a run comes to its model, and why that way. */
export interface Choice {
  readonly method: Method;
  /** What the labels train; undefined in method `paper`. */
  readonly mode: "head" | "full" | undefined;
  /** A sentence or some. */
  readonly because: string;
  /** About how many seconds adapting the network takes, where that is still to be done. */
  readonly adaptSeconds?: number | undefined;
  /** About how many seconds training the whole network takes, with labels alone and otherwise, where mode `auto` chose that. */
  readonly tuneSeconds?: number | undefined;
}

/** How the settings as they are, or a variant of them, come to a model. */
export interface PlannedChoice extends Choice {
  /** Undefined for the settings as they are. */
  readonly variant: string | undefined;
}

/** A few steps of a training are about to be timed, to say how long it takes; none are where that is known from before. */
interface TimingEvent {
  readonly type: "timing";
  readonly training: "adapt" | "tune";
}

/** What is to be done; a stage after one that is not done is looked at again when its turn comes. */
interface PlannedEvent {
  readonly type: "planned";
  /** How the settings as they are, and their variants, come to a model. */
  readonly choices: readonly PlannedChoice[];
  readonly stages: readonly PlannedStage[];
  readonly notes: readonly StageNote[];
}

interface StageStartedEvent extends PlannedStage {
  readonly type: "stage-started";
}

/** Some more images were looked at. */
interface ImagesEvent {
  readonly type: "images";
  readonly stage: string;
  readonly what: "scored" | "hashed";
  readonly done: number;
  readonly total: number | undefined;
  readonly imagesPerSecond: number;
}

/** Something that happened in a training. */
interface StageTrainingEvent {
  readonly type: "training";
  readonly stage: string;
  readonly event: TrainingEvent;
}

/** Something that the user should know; the run goes on. */
interface WarningEvent {
  readonly type: "warning";
  readonly stage: string;
  readonly message: string;
}

/** A part of the shards is scored. */
interface PartFinishedEvent {
  readonly type: "part-finished";
  readonly stage: string;
  readonly part: Part;
  /** Shards, images and broken images of the part. */
  readonly counts: Manifest["counts"];
  /** How many of its score files stood before. */
  readonly stood: number;
}

/** A queue has the shards, which other processes score. */
interface QueueFilledEvent {
  readonly type: "queue-filled";
  readonly name: string;
  readonly shards: number;
  /** Whether an earlier process had filled it. */
  readonly stood: boolean;
}

/** How far the processes are that take shards of a queue. */
interface QueueProgressEvent {
  readonly type: "queue";
  /** Shards, also of those that failed. */
  readonly done: number;
  readonly total: number;
  readonly failed: number;
  readonly workers: number;
  /** Images so far, about. */
  readonly images: number;
  /** Over the last minute. */
  readonly imagesPerSecond: number;
  /** About how long it takes; left out while nothing is known. */
  readonly secondsLeft?: number;
}

/** A shard was tried as often as shards are tried, and is left out. */
interface ShardFailedEvent {
  readonly type: "shard-failed";
  readonly shard: string;
  readonly reason: string;
}

export type QueueEvent = QueueFilledEvent | QueueProgressEvent | ShardFailedEvent;

/** All shards of a queue are scored, or failed. */
interface QueueFinishedEvent {
  readonly type: "queue-finished";
  readonly name: string;
  /** Shards, images and broken images that were scored. */
  readonly counts: Manifest["counts"];
  /** How many of the score files stood before. */
  readonly stood: number;
  readonly failed: number;
}

interface StageFinishedEvent {
  readonly type: "stage-finished";
  readonly stage: string;
  readonly kind: StageKind;
  /** Whether its files stood already. */
  readonly skipped: boolean;
  readonly manifest: Manifest;
}

/** Where a page stands, and what it says was trained. */
export interface WrittenReport {
  readonly path: string;
  readonly arms: readonly Arm[];
  /** Images that all were measured on; left out without any. */
  readonly images?: number | undefined;
}

/** The page that shows the run stands. */
interface ReportEvent extends WrittenReport {
  readonly type: "report";
}

/** The model that a run ends with. */
export interface BestModel {
  /** Folder of the stage whose model it is. */
  readonly stage: string;
  /** Whether cross-validation sent back the model of the labels alone. */
  readonly isVetoed: boolean;
  /** What the model is, in a sentence. */
  readonly what: string;
}

/** The model that the run ends with stands; nothing comes after it. */
interface BestEvent extends BestModel {
  readonly type: "best";
  readonly path: string;
  /** What the unlabelled images brought. */
  readonly verdict: Verdict;
}

/** The run was stopped; what stands is kept. */
interface SemiStoppedEvent {
  readonly type: "stopped";
  readonly stage: string;
}

export type SemiEvent =
  | WaitingEvent
  | ShardsEvent
  | TimingEvent
  | PlannedEvent
  | ProblemsEvent
  | StageStartedEvent
  | ImagesEvent
  | StageTrainingEvent
  | WarningEvent
  | PartFinishedEvent
  | QueueEvent
  | QueueFinishedEvent
  | StageFinishedEvent
  | ReportEvent
  | BestEvent
  | SemiStoppedEvent;

const millisecondsBetween = 100;

/** How far a work on many items has come, from when it began. */
interface ItemProgress<Event> {
  /** Passes work on that yields once for each item, and says at most ten times a second how far it is. */
  of<Result>(work: AsyncGenerator<void, Result, undefined>): AsyncGenerator<Event, Result, undefined>;
  /** Counts items that had been done before. */
  skip(items: number): void;
}

/** @param say The event for items that are done, and how many of them a second. */
export function itemProgress<Event>(say: (done: number, perSecond: number) => Event): ItemProgress<Event> {
  const began = performance.now();
  let said = began;
  let done = 0;
  let skipped = 0;
  return {
    skip(items) {
      skipped += items;
    },
    async *of(work) {
      try {
        for (;;) {
          const next = await work.next();
          if (next.done) return next.value;
          done++;
          const now = performance.now();
          if (now - said < millisecondsBetween) continue;
          said = now;
          yield say(skipped + done, (1000 * done) / (now - began));
        }
      } finally {
        // Who stops listening ends the work too.
        await work.return(undefined as never);
      }
    },
  };
}

/** The progress of a stage over images. */
export const imageProgress = (
  about: Pick<ImagesEvent, "stage" | "what" | "total">,
): ItemProgress<ImagesEvent> =>
  itemProgress((done, imagesPerSecond) => ({ type: "images", ...about, done, imagesPerSecond }));

/** Names images that cannot be used, if there are any: the first three. @param broken Their names, and why. */
export function* brokenWarning(
  stage: string,
  broken: Iterable<readonly [id: string, error: string]>,
): Generator<SemiEvent> {
  const all = [...broken];
  if (all.length === 0) return;
  const shown = all.slice(0, 3).map(([id, error]) => `${id} (${error})`);
  const message = `${all.length} ${all.length === 1 ? "image" : "images"} cannot be used: ${shown.join(", ")}${all.length > 3 ? ", …" : ""}`;
  yield { type: "warning", stage, message };
}

/** The same of what a training leaves out; that images have no label is said before a run begins. */
export function* skippedWarning(
  stage: string,
  skipped: ReadonlyMap<string, SslResnextError>,
): Generator<SemiEvent> {
  yield* brokenWarning(
    stage,
    [...skipped]
      .filter(([, { code }]) => code !== "data/no-label")
      .map(([id, { message }]) => [id, message] as const),
  );
}
