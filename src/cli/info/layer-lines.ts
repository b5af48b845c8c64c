import type { Layer } from "../../nn/index.ts";
import { grouped, si } from "../output/numbers.ts";
import { table } from "../output/table.ts";

/** The layers of a model as a table with totals. */
export function layerLines(layers: readonly Layer[]): string[] {
  const total = (value: (layer: Layer) => number): number =>
    layers.reduce((sum, layer) => sum + value(layer), 0);
  const orBlank = (value: number, format: (value: number) => string): string =>
    value > 0 ? format(value) : "";
  return table(
    [
      { title: "layer" },
      { title: "op" },
      { title: "" },
      { title: "output" },
      { title: "parameters", align: "right" },
      { title: "multiply-adds", align: "right" },
    ],
    [
      ...layers.map((layer) => [
        layer.name,
        layer.op,
        layer.detail,
        layer.output.slice(1).join("x"),
        orBlank(layer.parameters, grouped),
        orBlank(layer.multiplyAdds, si),
      ]),
      [
        "total",
        "",
        "",
        "",
        grouped(total(({ parameters }) => parameters)),
        si(total(({ multiplyAdds }) => multiplyAdds)),
      ],
    ],
  );
}
