import type { TopAccuracy } from "../../nn/index.ts";
import type { Model } from "../../predict/index.ts";

/** An accuracy that was published for the model. */
export interface Claim {
  readonly source: string;
  readonly accuracy: TopAccuracy;
}

/** What is published for the data that a subset stands for; nothing for models without a card. */
export function claimsFor({ card, description }: Model, subset: string | undefined): readonly Claim[] {
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
