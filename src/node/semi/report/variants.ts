import { variantName, type SemiSettings } from "../../../semi/index.ts";

/** A value of a setting that is tried, under the name of its variant. */
export interface SweptVariant {
  readonly value: unknown;
  readonly name: string;
}

/** The variants of each setting that is swept. */
export function sweptVariants({ sweep }: SemiSettings): ReadonlyMap<string, readonly SweptVariant[]> {
  return new Map(
    Object.entries(sweep).map(([key, values]) => [
      key,
      values.map((value) => ({ value, name: variantName({ key, value }) })),
    ]),
  );
}

export const isSwept = (settings: SemiSettings, variant: string): boolean =>
  [...sweptVariants(settings).values()].flat().some(({ name }) => name === variant);

const longest = 80;

/** What a variant changes in the settings, unless its name says it: as in `ranking unbalanced, finetuneRecipe epochs 5`. */
export function changedValues(settings: SemiSettings, variant: string): string {
  const text = Object.entries(settings.variants[variant] ?? {})
    .map(([key, value]) => `${key} ${valueText(value, settings[key as keyof SemiSettings])}`)
    .join(", ");
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
}

/** A value, or of values by name those that differ from the usual ones. */
function valueText(value: unknown, usual: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return JSON.stringify(value);
  return Object.entries(value)
    .filter(([name, own]) => own !== (usual as Readonly<Record<string, unknown>> | null)?.[name])
    .map(([name, own]) => `${name} ${valueText(own, undefined)}`)
    .join(", ");
}
