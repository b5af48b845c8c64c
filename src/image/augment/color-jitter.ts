import type { Random } from "../../core/index.ts";
import type { ColorAdjustment } from "./adjust-colors.ts";
import type { AugmentationOptions } from "./options.ts";
import { uniformBetween } from "./uniform-between.ts";

/** Draws torchvision's `ColorJitter`: factors around 1 (hue: around 0), in random order. */
export function drawColorJitter(
  strengths: AugmentationOptions["colorJitter"],
  random: Random,
): readonly ColorAdjustment[] {
  const [brightness, contrast, saturation, hue = 0] =
    typeof strengths === "number" ? [strengths, strengths, strengths] : (strengths ?? [0, 0, 0]);
  const around = (property: ColorAdjustment["property"], strength: number): ColorAdjustment => ({
    property,
    factor: uniformBetween(random, Math.max(0, 1 - strength), 1 + strength),
  });
  const adjustments = [
    ...(brightness > 0 ? [around("brightness", brightness)] : []),
    ...(contrast > 0 ? [around("contrast", contrast)] : []),
    ...(saturation > 0 ? [around("saturation", saturation)] : []),
    ...(hue > 0 ? [{ property: "hue", factor: uniformBetween(random, -hue, hue) } as const] : []),
  ];
  return shuffled(adjustments, random);
}

/** Fisher-Yates. */
function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [result[i], result[j]] = [result[j]!, result[i]!];
  }
  return result;
}
