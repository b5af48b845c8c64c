export { explainImages, type Explained, type ExplainOptions } from "./explain-images.ts";
export { heatColour } from "./heat-colour.ts";
export type { HeatMap } from "./heat-map.ts";
export { overlayHeat } from "./overlay-heat.ts";
