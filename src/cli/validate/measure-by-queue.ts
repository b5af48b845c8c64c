import { ClusterError } from "../../core/index.ts";
import { reportOfSums, sumsOf, type ReportSums } from "../../predict/metrics/report-sums.ts";
import type { Engine } from "../../runtime/index.ts";
import type { Terminal } from "../output/terminal.ts";
import type { RunQueue } from "../queue/with-queue.ts";
import type { Measurement } from "./measure.ts";
import type { ValidateOptions } from "./options.ts";

/** What a worker measured: plain data. */
export interface MeasuredPart {
  readonly engine: Engine;
  readonly sums: ReportSums;
}

/** What the workers measured together; undefined where no part was. */
export function mergeMeasured(parts: readonly MeasuredPart[]): MeasuredPart | undefined {
  const [first, ...others] = parts;
  if (!first) return undefined;
  const all = reportOfSums([first.sums, ...others.map(({ sums }) => sums)]);
  return { engine: first.engine, sums: sumsOf(all) };
}

/**
 * Lets other processes measure a model, a part of the images each at a time.
 *
 * @throws ClusterError `cluster/all-failed` where no part could be measured; what the queue throws
 */
export async function measureByQueue(
  data: readonly string[],
  options: ValidateOptions,
  pieces: number | undefined,
  queue: RunQueue,
  terminal: Terminal,
): Promise<Measurement> {
  const { doByQueue } = await import("../queue/do-by-queue.ts");
  type Merged = { readonly measured?: MeasuredPart };
  const { merged, failed, parts } = await doByQueue<Merged>(
    "validate",
    data,
    options,
    pieces,
    queue,
    terminal,
  );
  const { measured } = merged;
  if (!measured) {
    throw new ClusterError(
      "cluster/all-failed",
      `run ${queue.name}: none of ${parts} parts could be measured; the lines above say why.`,
    );
  }
  return { engine: measured.engine, report: reportOfSums([measured.sums]), parts: { failed, of: parts } };
}
