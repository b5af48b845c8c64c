import { existsSync } from "node:fs";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resnetConfig } from "../../src/nn/index.ts";
import { openTrainingStep } from "../../src/node/index.ts";
import { cpuBlockSize } from "../../src/node/onnx/block-size.ts";
import type { Device } from "../../src/runtime/index.ts";
import { initialTrainingState, trainingProgram } from "../../src/train/index.ts";
import { openTrainingStep as openWebTrainingStep } from "../../src/web/index.ts";
import { chromiumMissing, startChromium } from "../support/browser.ts";
import { servePackage, type PackageServer } from "../support/package-server.ts";
import { tinyTraining, type TinyTraining } from "./tiny-training.ts";

const swiftShader = "/usr/lib/chromium/vk_swiftshader_icd.json";
// Dawn reads it from the process's environment when the first WebGPU session opens.
process.env["VK_ICD_FILENAMES"] ??= swiftShader;

const tools = { resnetConfig, trainingProgram, initialTrainingState, openTrainingStep };
const webTools = { ...tools, openTrainingStep: openWebTrainingStep };

const blockSize = await cpuBlockSize("training");
let browser: Browser;
let server: PackageServer;

async function inChromium(device: Device): Promise<TinyTraining> {
  const page = await browser.newPage();
  await page.goto(server.url);
  return page.evaluate<TinyTraining>(`(async () => {
    const modules = await Promise.all(
      ["nn", "train", "web"].map((name) => import("ssl-resnext/" + name + "/index.js")));
    return (${tinyTraining.toString()})(Object.assign({}, ...modules), ${JSON.stringify(device)});
  })()`);
}

interface Runtime {
  readonly name: string;
  readonly missing: string | undefined;
  readonly train: () => Promise<TinyTraining>;
}

const runtimes: readonly Runtime[] = [
  {
    name: "onnxruntime-node on the CPU, blocked",
    missing: blockSize === undefined ? "this machine has no blocked kernels" : undefined,
    train: () => tinyTraining(tools, "cpu", blockSize),
  },
  {
    name: "onnxruntime-node on WebGPU",
    missing: existsSync(swiftShader) ? undefined : `${swiftShader} is not installed`,
    train: () => tinyTraining(tools, "webgpu"),
  },
  {
    name: "onnxruntime-web in Node on WebAssembly",
    missing: undefined,
    train: () => tinyTraining(webTools, "cpu"),
  },
  {
    name: "onnxruntime-web in Chromium on WebAssembly",
    missing: chromiumMissing(),
    train: () => inChromium("cpu"),
  },
  {
    name: "onnxruntime-web in Chromium on WebGPU",
    missing: chromiumMissing(),
    train: () => inChromium("webgpu"),
  },
];

/** Of the largest element of a tensor, after three steps. */
const tolerance = 1e-4;

function difference(actual: readonly number[], expected: readonly number[]): number {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), Number.MIN_VALUE);
  const differences = expected.map((value, index) => Math.abs(value - actual[index]!) / largest);
  return differences.reduce((most, each) => (each <= most ? most : each), 0);
}

describe("the same training on every runtime", () => {
  let expected: TinyTraining;
  beforeAll(async () => {
    expected = await tinyTraining(tools, "cpu");
    if (chromiumMissing()) return;
    [browser, server] = await Promise.all([startChromium(), servePackage()]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  it.for(runtimes)("$name", { timeout: 300_000 }, async ({ missing, train }, { skip }) => {
    skip(missing !== undefined, missing);
    const { losses, state } = await train();
    expect(difference(losses, expected.losses)).toBeLessThan(tolerance);
    expect(Object.keys(state)).toEqual(Object.keys(expected.state));
    const differences = Object.entries(expected.state).map(
      ([name, values]) => [name, difference(state[name]!, values)] as const,
    );
    expect(differences.filter(([, each]) => !(each < tolerance))).toEqual([]);
  });
});
