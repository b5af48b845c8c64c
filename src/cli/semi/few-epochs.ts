import type { SemiEvent } from "../../node/semi/index.ts";

/** Rows of a training's table: its own report has all epochs. */
const rows = 8;

/** Says which events are worth a line: of the epochs of a training a few, evenly spread, the last among them. */
export function fewEpochs(): (event: SemiEvent) => boolean {
  let epochs = 1;
  return (event) => {
    if (event.type !== "training") return true;
    if (event.event.type === "started") epochs = event.event.plan?.epochs ?? 1;
    if (event.event.type !== "epoch") return true;
    const { epoch } = event.event;
    const spacing = Math.ceil(epochs / rows);
    return (epochs - epoch) % spacing === 0;
  };
}
