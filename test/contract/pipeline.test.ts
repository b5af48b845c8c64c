import { existsSync } from "node:fs";
import { nodePlatform } from "ssl-resnext/node";
import { pipelineSuite } from "./pipeline.ts";

const swiftShader = "/usr/lib/chromium/vk_swiftshader_icd.json";
// Dawn reads it from the process's environment when the first WebGPU session opens.
process.env["VK_ICD_FILENAMES"] ??= swiftShader;

pipelineSuite("Node", { platform: nodePlatform, device: "cpu" });
pipelineSuite("Node", {
  platform: nodePlatform,
  device: "webgpu",
  missing: existsSync(swiftShader) ? undefined : `${swiftShader} is not installed`,
});
