import { execFileSync } from "node:child_process";

/** Compiles `src` to `dist` once per test run. */
export default function setup(): void {
  execFileSync("npx", ["--no-install", "tsc", "-p", "tsconfig.build.json"], { stdio: "inherit" });
}
