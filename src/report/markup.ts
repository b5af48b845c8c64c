/** HTML that is well-formed and escaped: only `markup` makes it. */
export interface Markup {
  readonly html: string;
}

/** What may stand in markup: text is escaped, markup is not, lists are joined, `undefined` leaves nothing. */
export type Content = Markup | string | number | undefined | readonly Content[];

/**
 * HTML from a template. Every value is escaped for text and for quoted attributes, so that names that come from
 * files cannot become elements.
 *
 * @example markup`<td title="${name}">${name}</td>`
 */
export function markup(parts: TemplateStringsArray, ...values: readonly Content[]): Markup {
  return { html: parts.reduce((html, part, index) => html + render(values[index - 1]) + part) };
}

/** A block of JSON that scripts of the page read; it cannot end the element that it stands in. */
export function jsonBlock(value: unknown): Markup {
  const json = JSON.stringify(value).replaceAll("<", String.raw`\u003c`);
  return { html: `<script type="application/json">${json}</script>` };
}

/** A script or style sheet of ours, as it is. */
export const verbatim = (html: string): Markup => ({ html });

function render(content: Content): string {
  if (content === undefined) return "";
  if (typeof content === "string") return escape(content);
  if (typeof content === "number") return String(content);
  return "html" in content ? content.html : content.map(render).join("");
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

const escape = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => entities[character]!);
