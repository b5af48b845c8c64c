import type { Tap } from "../../nn/index.ts";

/** The feature maps, as options name them. The list of `nn` would load graphs and their encoding. */
export const taps: readonly Tap[] = ["stem", "layer1", "layer2", "layer3", "layer4"];
