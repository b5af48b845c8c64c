import { semiFields, semiKeys, type SemiGroup, type SemiSettings } from "../../semi/settings/index.ts";
import type { CliOption, OptionTable } from "./option.ts";
import { fieldOption, flagOf } from "./field-option.ts";

/** Settings that the command line gives. */
export type SemiFlags = { readonly [K in keyof SemiSettings]: SemiSettings[K] | undefined };

const headings: { readonly [G in SemiGroup]: string } = {
  data: "Images (each setting wins over the file of settings):",
  teacher: "Teacher (recipes are names, .yaml files, or values: '{base: quick, epochs: 5}'):",
  selection: "Scoring and selection:",
  student: "Student:",
  study: "Seeds and variants:",
};

const short: { readonly [K in keyof SemiSettings]?: string } = { p: "-p", k: "-k" };

/** A flag for every setting of a semi-supervised run. */
export const semiOptions: OptionTable<SemiFlags> = Object.fromEntries(
  semiKeys.map((key) => [key, optionOf(key)]),
) as OptionTable<SemiFlags>;

function optionOf(key: keyof SemiSettings): CliOption<unknown> {
  const flags = short[key] ? `${short[key]}, ${flagOf(`top-${key}`)}` : flagOf(key);
  return fieldOption(flags, semiFields[key], headings);
}
