import type { TimmNetwork } from "../family.ts";
import { resnetArchitectures, type ResNetConfig } from "./resnet-config.ts";

const shape = ({ block, layers, cardinality, baseWidth }: Partial<ResNetConfig>): string =>
  JSON.stringify([block, layers, cardinality, baseWidth]);

/**
 * A configuration in timm's terms.
 *
 * timm's ResNets take layers, cardinality and base width as arguments (`timm/models/resnet.py`).
 *
 * @returns `undefined` for what timm has no ResNet of: another stem or width, fewer than four stages
 */
export function timmResNet(config: ResNetConfig): TimmNetwork | undefined {
  const { stem, width, layers, block, cardinality, baseWidth, inChannels, outputStride } = config;
  if (stem !== "imagenet" || width !== 64 || layers.length !== 4) return undefined;
  const named = Object.entries(resnetArchitectures).find(
    ([, architecture]) => architecture.stem === undefined && shape(architecture) === shape(config),
  )?.[0];
  const grouped = cardinality === 1 && baseWidth === 64 ? {} : { cardinality, base_width: baseWidth };
  return {
    architecture: named ?? (block === "basic" ? "resnet18" : "resnet50"),
    arguments: {
      ...(named === undefined ? { layers, ...grouped } : {}),
      ...(inChannels === 3 ? {} : { in_chans: inChannels }),
      ...(outputStride === 32 ? {} : { output_stride: outputStride }),
    },
  };
}
