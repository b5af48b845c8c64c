import { fileURLToPath } from "node:url";
import { embeddedModel } from "../nn/embedded-model.ts";

/** Path of a model's weights within the package; `undefined` for models that it does not carry. */
export function embeddedWeights(model: string): string | undefined {
  if (model !== embeddedModel) return undefined;
  return fileURLToPath(new URL(`../../models/${embeddedModel}.safetensors`, import.meta.url));
}
