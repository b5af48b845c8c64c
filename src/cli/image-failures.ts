import { grouped, plural } from "./output/numbers.ts";
import { printable } from "./output/text-width.ts";

/** An image that failed, in the least that a summary needs. */
export interface NamedFailure {
  readonly image: string;
  readonly message: string;
}

/** Failures that a summary names; of more, it gives the number. */
export const namedFailures = 20;

/** What the end of a run says about its failures; nothing when there were none. */
export function failureSummary(failures: readonly NamedFailure[], failed: number, done: number): string[] {
  if (failed === 0) return [];
  const named = failures.slice(0, namedFailures);
  const unnamed = failed - named.length;
  return [
    `${grouped(failed)} of ${plural(done, "image")} failed:`,
    ...named.map(({ image, message }) => `  ${printable(withName(image, message))}`),
    ...(unnamed > 0 ? [`  and ${grouped(unnamed)} more`] : []),
  ];
}

/** Most messages name the image already. */
const withName = (image: string, message: string): string =>
  message.startsWith(image) ? message : `${image}: ${message}`;
