import { statedAccuracy, type TopAccuracy } from "../../nn/index.ts";
import type { Model } from "../../predict/index.ts";

/** An accuracy that was published for the model. */
export interface Claim {
  readonly source: string;
  readonly accuracy: TopAccuracy;
}

/** What the card or the file states for the data that a subset stands for. */
export function claimsFor({ card, description }: Model, subset: string | undefined): readonly Claim[] {
  const stated = subset === undefined ? statedAccuracy(description) : undefined;
  if (stated) return [{ source: `its file, on ${stated.testSet}`, accuracy: stated.accuracy }];
  if (card === undefined || description.classes !== "imagenet-1k") return [];
  const { cardAccuracy, timmAccuracy } = card;
  switch (subset) {
    case undefined:
      return [
        { source: "the card, on ImageNet", accuracy: cardAccuracy },
        { source: "timm, on ImageNet", accuracy: timmAccuracy.imagenet },
      ];
    case "imagenet-a":
      return [{ source: "timm, on ImageNet-A", accuracy: timmAccuracy.imagenetA }];
    case "imagenet-r":
      return [{ source: "timm, on ImageNet-R", accuracy: timmAccuracy.imagenetR }];
    default:
      return [];
  }
}
