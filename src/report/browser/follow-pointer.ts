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
