/** The version of this package, as its manifest has it: a page cannot read that file. */
export const version = "0.1.0";
