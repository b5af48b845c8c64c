import { markup, type Markup } from "./markup.ts";

/** How a column is sorted, and what it holds. */
export interface SortHead {
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
