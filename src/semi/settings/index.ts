export { semiFields, semiKeys, type SemiFields, type SemiGroup } from "./fields.ts";
export { parseSettings, resolveSettings, settingsText, type SettingsLayer } from "./resolve-settings.ts";
export type { RecipeChoice, SemiSettings } from "./settings.ts";
