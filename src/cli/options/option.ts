import type { ZodType } from "zod";

/** One option of a command: how it is written, what it means, what it accepts and what it is by default. */
export interface CliOption<T> {
  /** As commander reads it: `-k, --topk <count>`. */
  readonly flags: string;
  /** Another long name, not listed in the help. */
  readonly alias?: string;
  readonly about: string;
  /** Heading in the help. @default "Options:" */
  readonly group?: string;
  /** Accepts the text of the command line (true for a flag) and holds the default. */
  readonly schema: ZodType<T>;
}

/** The options of a command by the name that its code uses. */
export type OptionTable<Values> = { readonly [Name in keyof Values]-?: CliOption<Values[Name]> };

/** `--input-size` of `-s, --input-size <pixels>`. */
export function longFlag({ flags }: { readonly flags: string }): string {
  return /--[a-z0-9-]+/.exec(flags)![0];
}
