import type { Manifest, Origin, Stage } from "../../../semi/index.ts";
import type { SemiContext } from "../context.ts";
import type { SemiEvent } from "../events.ts";

/** What came of a stage. */
export interface StageOutcome {
  /** Files in the stage's folder that later stages read. */
  readonly outputs: readonly string[];
  readonly counts: Manifest["counts"];
}

/** A stage whose inputs are known. */
export interface StageWork {
  readonly origin: Origin;
  /** Whether it keeps what is still right of an earlier result, and replaces the rest itself. */
  readonly isIncremental?: boolean;
  /** Files that should stand when it is done, besides its outputs, and do not; each as a phrase. */
  missing?(): Promise<readonly string[]>;
  /** @returns undefined when the run was stopped, and what it needs to go on is saved. */
  run(): AsyncGenerator<SemiEvent, StageOutcome | undefined, undefined>;
}

/** Looks at the inputs of a stage. The stages that it needs are complete. */
export type OpenStage = (context: SemiContext, stage: Stage) => Promise<StageWork>;
