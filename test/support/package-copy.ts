import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Copies the built package into a folder that is not there yet: to change it, or to run it alone. */
export function packageCopy(copy: string, modules: "with packages" | "without packages"): string {
  mkdirSync(copy);
  cpSync(join(root, "dist"), join(copy, "dist"), { recursive: true });
  cpSync(join(root, "package.json"), join(copy, "package.json"));
  if (modules === "with packages") symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  return copy;
}
