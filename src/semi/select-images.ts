import type { Ranking, SelectionSummary } from "./select/selection.ts";

/** What to select, from what, and with what means. */
export interface SelectImagesOptions {
  /** Score files; a row's shard is an index into them. */
  readonly scores: readonly string[];
  /** Class names in the order of the class indices. */
  readonly classes: readonly string[];
  /** Images that were scored, of which the default of `k` depends. */
  readonly images: number;
  /** Table of hashes that the unlabelled images are compared with. */
  readonly references?: string | undefined;
  /** Images of each class; a total of k · classes when unbalanced. @default 16 of 100 images that a class has on average */
  readonly k?: number | null | undefined;
  /** @default "balanced" */
  readonly ranking?: Ranking | undefined;
  /** Score that an image has to reach; for the ranking `threshold` only. @default 0.95 */
  readonly threshold?: number | undefined;
  /**
   * Bits of its hash, of 64, in which an image may differ from one of the references and still be taken for its
   * duplicate, which is removed before ranking; null removes none. @default null
   */
  readonly duplicateDistance?: number | null | undefined;
  /** File that the selection is written to. */
  readonly out: string;
  /** Bytes that selecting may add to the process; the rest goes to the disk. @default 1e9 */
  readonly memoryLimit?: number | undefined;
  /** @default all cores */
  readonly threads?: number | undefined;
  /** Folder for what does not fit in memory. @default that of `out` */
  readonly temporaryFolder?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type SelectImages = (options: SelectImagesOptions) => Promise<SelectionSummary>;
