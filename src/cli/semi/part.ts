import { UsageError } from "../../core/index.ts";
import type { Part } from "../../semi/events.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The part that `--part` names: `3/8`; `8`, of which the scheduler says the number; or nothing, where it says both.
 *
 * Kubernetes gives `JOB_COMPLETION_INDEX` (from 0), Slurm `SLURM_ARRAY_TASK_ID` with `_MIN`, `_STEP` and `_COUNT`, AWS Batch
 * `AWS_BATCH_JOB_ARRAY_INDEX` (from 0) and `_SIZE`.
 *
 * @throws UsageError `usage/part`
 */
export function partOf(given: string | true, env: Environment = process.env): Part {
  const text = given === true ? "" : given;
  const [, first, second] = /^(?:(\d+)\/)?(\d+)?$/.exec(text) ?? [];
  if (text !== "" && second === undefined) throw refused(`--part: expected 3/8 or 8, received "${text}".`);
  const scheduled = partOfScheduler(env);
  const count = second === undefined ? scheduled?.count : Number(second);
  const index = first === undefined ? scheduled?.index : Number(first);
  if (count === undefined)
    throw refused(
      "--part: expected how many parts there are, such as --part 3/8: no scheduler says it here.",
    );
  if (index === undefined)
    throw refused(
      `--part ${text}: expected which part it is, such as --part 3/${count}: no scheduler says it here (JOB_COMPLETION_INDEX, SLURM_ARRAY_TASK_ID, AWS_BATCH_JOB_ARRAY_INDEX).`,
    );
  if (index < 1 || index > count)
    throw refused(`--part: expected a part from 1 to ${count}, this is ${index} of ${count}.`);
  return { index, count };
}

function partOfScheduler(env: Environment): { readonly index: number; readonly count?: number } | undefined {
  const number = (name: string): number | undefined => {
    const text = env[name];
    return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
  };
  const slurm = number("SLURM_ARRAY_TASK_ID");
  const inSlurm =
    slurm === undefined
      ? undefined
      : (slurm - (number("SLURM_ARRAY_TASK_MIN") ?? 0)) / (number("SLURM_ARRAY_TASK_STEP") ?? 1);
  const index = number("JOB_COMPLETION_INDEX") ?? number("AWS_BATCH_JOB_ARRAY_INDEX") ?? inSlurm;
  const count = number("AWS_BATCH_JOB_ARRAY_SIZE") ?? number("SLURM_ARRAY_TASK_COUNT");
  return index === undefined ? undefined : { index: index + 1, ...(count === undefined ? {} : { count }) };
}

const refused = (message: string): UsageError => new UsageError("usage/part", message);
