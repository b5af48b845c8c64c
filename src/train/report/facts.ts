import type { Fact } from "./data.ts";
import { markup, type Markup } from "./markup.ts";

/** Names and values under a heading; nothing without any. */
export function factTable(title: string, facts: readonly Fact[]): Markup | undefined {
  if (facts.length === 0) return undefined;
  return markup`<div><h3>${title}</h3><table class="facts"><tbody>${facts.map(
    ({ name, value }) =>
      markup`<tr><th scope="row">${name}</th><td>${String(value)}</td></tr>
`,
  )}</tbody></table></div>`;
}
