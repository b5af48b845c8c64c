/** Sorts a table by the column whose head is pressed, where it has a button; pressed again, the other way round. Runs in the page. */
export function sortTables(): void {
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.querySelector("tbody")!;
    const heads = [...table.querySelectorAll("th")];
    for (const [column, head] of heads.entries()) {
      head.querySelector("button")?.addEventListener("click", () => {
        const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        const cellOf = (row: Element): HTMLElement => row.children[column] as HTMLElement;
        const compare = (a: Element, b: Element): number =>
          column === 0
            ? cellOf(a).textContent.localeCompare(cellOf(b).textContent, undefined, { numeric: true })
            : Number(cellOf(a).dataset["value"]) - Number(cellOf(b).dataset["value"]);
        body.append(...[...body.children].sort((a, b) => sign * compare(a, b)));
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
      });
    }
  }
}
