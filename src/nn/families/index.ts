import type { ModelFamily } from "../family.ts";
import type { ResNetConfig } from "./resnet-config.ts";
import { resnetFamily, type ResNetTap } from "./resnet.ts";

/** Shape of a network, whatever its family. */
export type ModelConfig = ResNetConfig;

/** Feature maps that can be read from the network. */
export type Tap = ResNetTap;

/** Everything that can be asked of the network. */
export type Output = Tap | "embedding" | "logits";

/** The family of all networks of this package: the one place to choose another. */
export const family: ModelFamily<ModelConfig, Tap> = resnetFamily;
