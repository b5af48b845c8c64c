import type { RunEvent } from "../../cluster/queue/start-run.ts";
import { clock, grouped, plural } from "../output/numbers.ts";
import { withBar } from "../output/progress.ts";

/** Says that the work is in a queue. @param share What workers take, in the singular */
export function filledLine(
  { name, shards, stood }: Omit<RunEvent & { type: "queue-filled" }, "type">,
  share: string,
): string {
  return stood
    ? `run ${name} is in the queue already; this shows how far it is`
    : `run ${name}: ${plural(shards, share)} in the queue, for every machine with ssl-resnext worker`;
}

/** `██████▎              312/1,000 shards · 34.3 images/s · ETA 0:20 · 4 workers · 2 failed`. */
export function queueProgressLine(
  { done, total, failed, workers, imagesPerSecond, secondsLeft }: RunEvent & { type: "queue" },
  shares: string,
  columns: number,
): string {
  const parts = [
    `${grouped(done)}/${grouped(total)} ${shares}`,
    `${imagesPerSecond.toFixed(1)} images/s`,
    ...(secondsLeft === undefined ? [] : [`ETA ${clock(secondsLeft)}`]),
    workers === 0 ? "no workers: start ssl-resnext worker <redis>" : plural(workers, "worker"),
    ...(failed > 0 ? [`${grouped(failed)} failed`] : []),
  ];
  return withBar(parts.join(" · "), total > 0 ? done / total : 1, columns);
}
