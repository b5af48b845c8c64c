import { accessSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** Why pages cannot be opened here; undefined where they can. */
export function chromiumMissing(): string | undefined {
  try {
    accessSync(executablePath);
    return undefined;
  } catch {
    return `${executablePath} is not installed`;
  }
}

/** Starts Chromium, with WebGPU on SwiftShader. */
export function startChromium(): Promise<Browser> {
  const webgpu = [
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
  ];
  return chromium.launch({ executablePath, args: ["--no-sandbox", ...webgpu] });
}
