import { accuracyText } from "../core/index.ts";

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

/** How a column is sorted, and what it holds. */
interface SortHead {
  /** @default "number" */
  readonly kind?: "number" | "text";
  /** Order in which the rows stand at first, where it is this column's. */
  readonly sorted?: "ascending" | "descending" | undefined;
}

/** The head of a column that sorts its table when it is pressed. */
export function sortHead(name: string, { kind = "number", sorted }: SortHead = {}): Markup {
  return markup`<th scope="col"${kind === "number" ? markup` class="number"` : undefined}${
    sorted && markup` aria-sort="${sorted}"`
  }><button type="button">${name}</button></th>`;
}

/**
 * A cell with a share in percent, and a bar of its length; NaN is a dash and sorts below all.
 *
 * @param of How many it is a share of, where that is known: few are shown as {@link accuracyText} does.
 */
export function shareCell(value: number, of?: number): Markup {
  return markup`<td class="number bar" data-value="${Number.isNaN(value) ? -1 : value}" style="--share:${(value || 0).toFixed(1)}%">${accuracyText(value, of)}</td>`;
}

const imageData = /^data:image\/(jpeg|png|webp);base64,[A-Za-z0-9+/=]+$/;

/** A picture from a `data:` URL, or a field of its size that says that there is none. */
export function thumbnailPicture(thumbnail: string | undefined, alt: string): Markup {
  return thumbnail !== undefined && imageData.test(thumbnail)
    ? markup`<img src="${thumbnail}" alt="${alt}">`
    : markup`<div class="missing">no picture</div>`;
}

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** Thousands apart, as in 25,028,904. */
export const count = (value: number): string => whole.format(value);

/** A count in little room, as in 1.2M. */
export const compact = (value: number): string => short.format(value);

/** Percent with one digit after the point, as in 87.3 %; a dash for what was never counted. */
export const percent = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(1)} %` : "–");

/** Three digits that matter, as in 0.0015 and 2.3. */
export const significant = (value: number): string =>
  Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "–";

/** Decimal gigabytes, as in 1.85 GB. */
export const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;
