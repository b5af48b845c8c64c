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
