import { accessSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";

/** Where Chromium is. */
export const chromiumPath: string = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** WebGPU on SwiftShader, which needs no graphics card. */
export const chromiumArguments: string[] = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
];

/** Why pages cannot be opened here; undefined where they can. */
export function chromiumMissing(): string | undefined {
  try {
    accessSync(chromiumPath);
    return undefined;
  } catch {
    return `${chromiumPath} is not installed`;
  }
}

/** Starts Chromium. */
export function startChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath, args: chromiumArguments });
}
