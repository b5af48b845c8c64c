/** Shows the values of each chart at the pointer, or where the arrow keys lead. Runs in the page. */
export function followPointer(): void {
  type Point = readonly [left: number, bottom: number, at: string, text: string];

  for (const figure of document.querySelectorAll("figure.chart")) {
    const plot = figure.querySelector<HTMLElement>(".plot")!;
    const cross = figure.querySelector<HTMLElement>(".cross")!;
    const at = figure.querySelector(".at")!;
    const values = [...figure.querySelectorAll(".legend b")];
    const curves = JSON.parse(figure.querySelector("script")!.textContent) as Point[][];
    const resting = [at, ...values].map((element) => element.textContent);
    const places = [...new Set(curves.flat().map(([left]) => left))].sort((a, b) => a - b);
    const nearest = <T>(items: readonly T[], left: (item: T) => number, wanted: number): T =>
      items.reduce((a, b) => (Math.abs(left(b) - wanted) < Math.abs(left(a) - wanted) ? b : a));
    let place: number | undefined;

    const show = (wanted: number): void => {
      place = nearest(places, (left) => left, wanted);
      const points = curves.map((curve) => nearest(curve, ([left]) => left, wanted));
      at.textContent = nearest(points, ([left]) => left, place)[2];
      values.forEach((value, index) => (value.textContent = points[index]![3]));
      cross.style.left = `${place}%`;
      cross.hidden = false;
    };
    const rest = (): void => {
      place = undefined;
      [at, ...values].forEach((element, index) => (element.textContent = resting[index]!));
      cross.hidden = true;
    };

    plot.addEventListener("pointermove", (event) => {
      const { left, width } = plot.getBoundingClientRect();
      show((100 * (event.clientX - left)) / width);
    });
    plot.addEventListener("pointerleave", rest);
    plot.addEventListener("blur", rest);
    plot.addEventListener("keydown", (event) => {
      const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (direction === undefined) return;
      event.preventDefault();
      const index = place === undefined ? places.length : places.indexOf(place) + direction;
      show(places[Math.max(0, Math.min(places.length - 1, index))]!);
    });
  }
}

/** Paints the confusion matrices that are too large for tables, and names the pair at the pointer. Runs in the page. */
export function paintMatrix(): void {
  for (const figure of document.querySelectorAll(".matrix")) {
    const canvas = figure.querySelector("canvas")!;
    const pair = figure.querySelector(".pair")!;
    const { names, cells } = JSON.parse(figure.querySelector("script")!.textContent) as {
      readonly names: readonly string[];
      readonly cells: readonly number[];
    };
    const side = names.length;
    const paint = canvas.getContext("2d")!;
    const sums = new Float64Array(side);
    const counts = new Map<number, number>();
    for (let i = 0; i < cells.length; i += 3) {
      sums[cells[i]!]! += cells[i + 2]!;
      counts.set(cells[i]! * side + cells[i + 1]!, cells[i + 2]!);
    }
    for (const [cell, count] of counts) {
      const row = Math.floor(cell / side);
      const column = cell % side;
      // Even a single image of many must be seen.
      const share = (0.25 + 0.75 * Math.sqrt(count / sums[row]!)).toFixed(2);
      paint.fillStyle = `rgba(${row === column ? "44, 107, 201" : "204, 58, 52"}, ${share})`;
      paint.fillRect(column, row, 1, 1);
    }
    canvas.addEventListener("pointermove", (event) => {
      const column = Math.min(side - 1, Math.floor((event.offsetX / canvas.clientWidth) * side));
      const row = Math.min(side - 1, Math.floor((event.offsetY / canvas.clientHeight) * side));
      const count = counts.get(row * side + column) ?? 0;
      pair.textContent = `${names[row]} taken for ${names[column]}: ${count}`;
    });
  }
}

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

/** Fades the sides of a box where there is more to scroll to, as on a phone, which shows no scroll bars. Runs in the page. */
export function fadeEdges(): void {
  for (const box of document.querySelectorAll<HTMLElement>(".scroll")) {
    const fade = (): void => {
      const beyond = box.scrollWidth - box.clientWidth - box.scrollLeft;
      box.style.setProperty("--before", box.scrollLeft > 1 ? "32px" : "0px");
      box.style.setProperty("--beyond", beyond > 1 ? "32px" : "0px");
    };
    box.addEventListener("scroll", fade, { passive: true });
    // What is folded away gets its size when it is opened.
    new ResizeObserver(fade).observe(box);
  }
}
