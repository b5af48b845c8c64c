import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { embeddedModel } from "../nn/model-cards.ts";

/** The version of this package. */
export function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}

/** Path of a model's weights within the package; `undefined` for models that it does not carry. */
export function embeddedWeights(model: string): string | undefined {
  if (model !== embeddedModel) return undefined;
  return fileURLToPath(new URL(`../../models/${embeddedModel}.safetensors`, import.meta.url));
}
