import { styleText } from "node:util";

/** Paints text for a stream; plain when it is no terminal or NO_COLOR is set. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  accent(text: string): string;
  warning(text: string): string;
  failure(text: string): string;
}

type Format = Parameters<typeof styleText>[0];

/** The style for a stream, after the conventions of NO_COLOR (https://no-color.org) and FORCE_COLOR. */
export function styleFor(isTerminal: boolean, environment: NodeJS.ProcessEnv = process.env): Style {
  const coloured = environment["NO_COLOR"] ? false : (forced(environment["FORCE_COLOR"]) ?? isTerminal);
  const paint =
    (format: Format) =>
    (text: string): string =>
      coloured ? styleText(format, text, { validateStream: false }) : text;
  return {
    bold: paint("bold"),
    dim: paint("dim"),
    accent: paint("cyan"),
    warning: paint("yellow"),
    failure: paint("red"),
  };
}

function forced(value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined;
  return value !== "0" && value !== "false";
}
