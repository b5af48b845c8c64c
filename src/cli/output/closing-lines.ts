import { dirname } from "node:path";
import { printable } from "../../core/index.ts";
import { leftOutText, type LeftOutFiles } from "../../data/index.ts";
import type { Failure } from "../../predict/index.ts";
import { grouped, plural } from "./numbers.ts";

/** An image that failed, in the least that a summary needs. */
export interface NamedFailure {
  readonly image: string;
  readonly message: string;
  readonly code: string;
}

export const namedFailure = ({ image, error: { message, code } }: Failure): NamedFailure => ({
  image,
  message,
  code,
});

/** Failures that a summary names; of more, it gives the number. */
export const namedFailures = 20;

/** What the end of a run says about its failures; nothing when there were none. */
export function failureSummary(failures: readonly NamedFailure[], failed: number, done: number): string[] {
  if (failed === 0) return [];
  const { groups, others } = withoutLabel(failures);
  const named = others.slice(0, namedFailures);
  const unnamed = failed - failures.length + others.length - named.length;
  // Of very many failures only the first are kept.
  const atLeast = failed > failures.length ? "at least " : "";
  return [
    `${grouped(failed)} of ${plural(done, "image")} failed:`,
    ...groups.map(
      ({ folder, images: [first, ...rest] }) =>
        `  ${atLeast}${plural(1 + rest.length, "image")} of ${printable(folder)}, the first ${printable(withName(first!.image, first!.message))}`,
    ),
    ...named.map(({ image, message }) => `  ${printable(withName(image, message))}`),
    ...(unnamed > 0 ? [`  and ${grouped(unnamed)} more`] : []),
  ];
}

/** Images without a label that a summary names one by one. */
const namedWithoutLabel = 3;

/** Images of one folder that have no label for the same reason, such as those that nobody has sorted yet; and all others. */
function withoutLabel(failures: readonly NamedFailure[]): {
  readonly groups: readonly { readonly folder: string; readonly images: readonly NamedFailure[] }[];
  readonly others: readonly NamedFailure[];
} {
  const groups = new Map<string, { folder: string; images: NamedFailure[] }>();
  for (const failure of failures) {
    if (failure.code !== "data/no-label") continue;
    const folder = dirname(failure.image);
    // But for the number of a row.
    const key = `${folder}\n${failure.message.replaceAll(/\d+/g, "")}`;
    const group = groups.get(key);
    if (group) group.images.push(failure);
    else groups.set(key, { folder, images: [failure] });
  }
  const large = [...groups.values()].filter(({ images }) => images.length > namedWithoutLabel);
  const named = new Set(large.flatMap(({ images }) => images));
  return { groups: large, others: failures.filter((failure) => !named.has(failure)) };
}

/** What the end of a run says about files of kinds that are not read; nothing when there were none. */
export function leftOutLines(leftOut: readonly LeftOutFiles[] = []): string[] {
  if (leftOut.length === 0) return [];
  const files = leftOut.reduce((sum, kind) => sum + kind.files, 0);
  const were = files === 1 ? "of a kind that is not read was" : "of kinds that are not read were";
  return [
    `${plural(files, "file")} ${were} left out:`,
    ...leftOutText(leftOut).map((line) => `  ${printable(line)}`),
  ];
}

/** Most messages name the image already. */
const withName = (image: string, message: string): string =>
  message.startsWith(image) ? message : `${image}: ${message}`;
