import { extname } from "node:path";
import { printable, UsageError } from "../../core/index.ts";
import type { Part } from "../../data/index.ts";
import { nodeStorageFor } from "../../node/files/file-storage.ts";
import type { OptionTable } from "./command.ts";
import { textOrFlag } from "./schemas.ts";

/** A share of the images, for those who have many machines. */
export const partOption = {
  part: {
    flags: "--part [i/n]",
    about:
      "take the i-th of n parts of the images, beside other processes: archives and tables as a whole, images in folders one by one; i or both are taken from the variables of Kubernetes, Slurm and AWS Batch when left out",
    group: "Input:",
    schema: textOrFlag.optional(),
  },
} satisfies OptionTable;

/** The name of the file that a part writes, numbered as those of a data set are: `a-00002-of-00008.csv` of the third; without parts the name itself. */
export function partFile(path: string, part: Part | undefined): string {
  if (!part) return path;
  const ending = extname(path);
  return `${path.slice(0, path.length - ending.length)}-${numberOf(part)}${ending}`;
}

/** The same for a folder: one below it. */
export const partFolder = (folder: string, part: Part | undefined): string =>
  part ? nodeStorageFor(folder).join(folder, numberOf(part)) : folder;

const numberOf = ({ index, count }: Part): string =>
  [index - 1, count].map((number) => `${number}`.padStart(5, "0")).join("-of-");

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The part that `--part` names: `3/8`; `8`, of which the scheduler says the number; or nothing more, where it says both.
 *
 * Kubernetes gives `JOB_COMPLETION_INDEX` (from 0), Slurm `SLURM_ARRAY_TASK_ID` with `_MIN`, `_MAX`, `_STEP` and `_COUNT`, AWS Batch
 * `AWS_BATCH_JOB_ARRAY_INDEX` (from 0) and `_SIZE`.
 *
 * @throws UsageError `usage/part`
 */
export function partOf(given: string | true | undefined, env: Environment = process.env): Part | undefined {
  if (given === undefined) return undefined;
  const text = given === true ? "" : given;
  const [, first, second] = /^(?:(\d+)\/)?(\d+)?$/.exec(text) ?? [];
  if (text !== "" && !(Number(second) >= 1)) throw refused(`--part: expected 3/8 or 8, received "${text}".`);
  const count = second === undefined ? undefined : Number(second);
  const part =
    first === undefined ? partOfScheduler(count, env) : { index: Number(first), count: Number(second) };
  if (part.index >= 1 && part.index <= part.count) return part;
  throw refused(`--part: expected a part from 1 to ${part.count}, this is ${part.index} of ${part.count}.`);
}

/** @param given How many parts there are, where that is said. */
function partOfScheduler(given: number | undefined, env: Environment): Part {
  const scheduled = arrayTask(given, env);
  const count = given ?? scheduled?.count;
  if (count === undefined)
    throw refused(
      "--part: expected how many parts there are, such as --part 3/8: no scheduler says it here.",
    );
  if (scheduled === undefined)
    throw refused(
      `--part ${count}: expected which part it is, such as --part 1/${count}: no scheduler says it here (JOB_COMPLETION_INDEX, SLURM_ARRAY_TASK_ID, AWS_BATCH_JOB_ARRAY_INDEX).`,
    );
  if (scheduled.count !== undefined && scheduled.count !== count)
    throw refused(
      `--part ${count}: expected as many tasks as parts, the scheduler's array has ${scheduled.count}. Say which part each is, such as --part 1/${count}.`,
    );
  return { index: scheduled.index + 1, count };
}

/** This task of an array, from 0, and how many there are. @throws UsageError `usage/part` for a variable that cannot be read */
function arrayTask(
  given: number | undefined,
  env: Environment,
): { readonly index: number; readonly count?: number | undefined } | undefined {
  const number = (name: string): number | undefined => {
    const text = env[name];
    if (text === undefined || text === "") return undefined;
    if (/^\d+$/.test(text)) return Number(text);
    throw refused(
      `--part: expected a whole number in the variable ${name}, received "${printable(text)}". Correct or unset it; or say which part it is, such as --part 1/${given ?? 8}.`,
    );
  };
  const completion = number("JOB_COMPLETION_INDEX");
  if (completion !== undefined) return { index: completion };
  const batch = number("AWS_BATCH_JOB_ARRAY_INDEX");
  if (batch !== undefined) return { index: batch, count: number("AWS_BATCH_JOB_ARRAY_SIZE") };
  const id = number("SLURM_ARRAY_TASK_ID");
  if (id === undefined) return undefined;
  const of = (name: string): number | undefined => number(`SLURM_ARRAY_TASK_${name}`);
  const [least, step, count] = [of("MIN") ?? 0, of("STEP") || 1, of("COUNT") ?? 0];
  const index = (id - least) / step;
  const last = least + (count - 1) * step;
  const most = of("MAX") ?? last;
  // A list, such as --array=7,13, says which tasks there are, and not which part of the whole each is.
  if (Number.isInteger(index) && last <= most && most < last + step) return { index, count };
  throw refused(
    `--part: expected a Slurm array without gaps, such as --array=1-20; this is task ${id} of ${count} from ${least} to ${most}. Say which part it is, such as --part 7/20.`,
  );
}

const refused = (message: string): UsageError => new UsageError("usage/part", message);
