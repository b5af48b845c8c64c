import { markup, type Markup } from "./markup.ts";

/** A name and its value, as they are to be read. */
export interface Fact {
  readonly name: string;
  readonly value: string | number | boolean;
}

/** Names and values under a heading; nothing without any. */
export function factTable(title: string, facts: readonly Fact[]): Markup | undefined {
  if (facts.length === 0) return undefined;
  return markup`<div><h3>${title}</h3><table class="facts"><tbody>${facts.map(
    ({ name, value }) =>
      markup`<tr><th scope="row">${name}</th><td>${String(value)}</td></tr>
`,
  )}</tbody></table></div>`;
}
