import type { Part } from "../data/index.ts";
import type { AskedEngine, Ranks } from "../train/index.ts";
import type { SemiContext, SemiExecution } from "./context.ts";
import type { StageKind } from "./plan/stage.ts";
import type { SettingsLayer } from "./settings/resolve-settings.ts";
import type { SemiSettings } from "./settings/settings.ts";
import type { ShardQueue } from "./stages/score-by-queue.ts";

/** What to do, where, and how the machine is used. */
export interface RunSemiOptions extends Partial<Omit<SemiExecution, keyof AskedEngine>>, AskedEngine {
  /**
   * What embeds, scores and measures; the folder of the run keeps what it began with, and is not gone on with on another one.
   *
   * @default "onnxruntime"
   */
  readonly engine?: AskedEngine["engine"];
  /** Settings, or layers of them, each of which wins over those before it. */
  readonly settings: Partial<SemiSettings> | readonly SettingsLayer[];
  /** Folder for everything that the run writes. */
  readonly out: string;
  /** Does stages of these kinds only; those that they need have to be complete. @default all */
  readonly only?: readonly StageKind[] | undefined;
  /**
   * Scores a part of the shards and nothing else, beside processes that score the other parts; `only` is `["score"]` then. A run
   * without it afterwards finds what all of them left.
   */
  readonly part?: Part | undefined;
  /**
   * Lets other processes score the shards, and tells how far they are; `only` is `["score"]` then. A run without it afterwards finds
   * what they left.
   */
  readonly queue?: ShardQueue | undefined;
  /** Does the variants and the sweep of the settings too. @default false */
  readonly withVariants?: boolean | undefined;
  /** Processes that train each network together, of which this is one; the first does the rest alone, and tells all of it. */
  readonly ranks?: Ranks | undefined;
  /** Is told what is worth knowing of the weights that the settings name. */
  readonly onNotice?: SemiContext["onNotice"];
  /** Ends the run; what stands is kept, and the next run goes on from there. */
  readonly signal?: AbortSignal | undefined;
}
