import type { CliOption } from "./option.ts";
import { flag } from "./schemas.ts";

/** `--json` of the commands that give one document. */
export const jsonOption: CliOption<boolean> = {
  flags: "--json",
  about: "print JSON",
  schema: flag,
};
