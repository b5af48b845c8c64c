import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { docTableRows } from "../support/doc-table-rows.ts";

const rows = docTableRows("inputs.md")
  .map((row) => row.split(" | "))
  .filter(([first]) => first !== "input" && !/^-+$/.test(first!))
  .map(([input, , test]) => ({ input: input!, test: test! }));

describe("docs/inputs.md", () => {
  it.each(rows)("names a test that there is: $input", ({ test }) => {
    const [, name, title] = /^`([^`]+)`: (.+)$/.exec(test) ?? [];
    const file = new URL(`../${name}`, import.meta.url);
    expect(existsSync(file)).toBe(true);
    const text = readFileSync(file, "utf8");
    expect(['"', "'", "`"].some((quote) => text.includes(quote + title!))).toBe(true);
  });
});
