import { execFileSync } from "node:child_process";

/** Compiles `src` to `dist` once per test run, from nothing: files of modules that are gone would be tested too. */
export default function setup(): void {
  execFileSync("npm", ["run", "--silent", "build"], { stdio: "inherit" });
}
