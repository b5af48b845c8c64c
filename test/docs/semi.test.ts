import { describe, expect, it } from "vitest";
import { resolveSettings, semiFields, semiKeys } from "../../src/semi/index.ts";
import { docTableRows } from "../support/doc-table-rows.ts";

const rows = docTableRows("semi.md");
const defaults = resolveSettings([]);

/** A value as the table shows it. */
function shown(value: unknown): string {
  if (value === null) return "–";
  if (typeof value === "string") return value;
  if (typeof value !== "object") return JSON.stringify(value);
  const entries = Object.entries(value);
  if (entries.length === 0) return "none";
  return entries.map(([name, inner]) => `${name}: ${inner}`).join(", ");
}

describe("docs/semi.md", () => {
  it.each(semiKeys)("says what %s means, and its default", (key) => {
    expect(rows).toContain([`\`${key}\``, semiFields[key].about, shown(defaults[key])].join(" | "));
  });
});
