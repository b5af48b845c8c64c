import { printable } from "../../core/index.ts";
import type { PlacedSuggestion } from "./write-folder.ts";
import type { EmbeddingEngine } from "../../train/head/embed-images.ts";
import { engineText } from "../../train/run/run-engine.ts";
import { table } from "../output/table.ts";
import type { Style } from "../output/terminal.ts";
import type { SuggestJson } from "./json.ts";

const shownClasses = 5;

/** A suggestion as one line of JSON. */
export function suggestionEntry(
  { image, file, classes, margin, belongs, group }: PlacedSuggestion,
  { engine, precision }: EmbeddingEngine,
): SuggestJson {
  return {
    image: image.id,
    file,
    classes: classes.slice(0, shownClasses),
    margin,
    belongs,
    group,
    ...(engineText({ engine, precision }) === undefined ? {} : { engine, precision }),
  };
}

/** The suggestions as a table. */
export function suggestionLines(
  suggestions: readonly PlacedSuggestion[],
  columns: number,
  style: Style,
): readonly string[] {
  const share = (value: number): string => `${(100 * value).toFixed(0)} %`;
  const rows = suggestions.map(({ file, classes, belongs }) => [
    printable(file),
    ...classes.slice(0, 2).map(({ name, probability }) => `${printable(name)} ${share(probability)}`),
    share(belongs),
  ]);
  const [titles, ...lines] = table(
    [
      { title: "image", shrink: true },
      { title: "suggested" },
      { title: "or" },
      { title: "of the classes", align: "right" },
    ],
    rows,
    columns,
  );
  return [style.dim(titles!), ...lines];
}
