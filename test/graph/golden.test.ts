import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { printGraph, type Graph } from "../../src/graph/index.ts";
import {
  activationRangeGraph,
  inferenceGraph,
  randomStateDict,
  resnetConfig,
  type ResNetConfig,
} from "../../src/nn/index.ts";
import { resnetGraph } from "../support/tiny-resnet.ts";

/** A golden file is named for what it shows; SSL_RESNEXT_UPDATE_GOLDEN=1 writes the files anew. */
const folder = new URL("golden/", import.meta.url);

const config: ResNetConfig = resnetConfig({
  layers: [1, 1],
  cardinality: 4,
  baseWidth: 32,
  width: 8,
  numClasses: 10,
});
const weights = randomStateDict(config, 1);

const ranges = new Map(
  activationRangeGraph(config, weights, 32)
    .readers.flat()
    .map((reader) => [reader, { min: reader === "conv1/Conv/0" ? -2 : 0, max: 4 }]),
);

const graphs: Readonly<Record<string, () => Graph>> = {
  "resnext-defined.txt": () => resnetGraph(config, weights, ["logits"], 32),
  "resnext-portable.txt": () => inferenceGraph(config, weights, { inputSize: 32 }),
  "resnext-blocked.txt": () => inferenceGraph(config, weights, { inputSize: 32, blockSize: 8 }),
  "resnext-int8.txt": () => inferenceGraph(config, weights, { inputSize: 32, int8: { ranges } }),
  "resnext-features.txt": () =>
    inferenceGraph(config, weights, { inputSize: 32, outputs: ["stem", "layer2", "embedding"] }),
};

describe("printed graphs", () => {
  it("stand in golden files, all of them tested", () => {
    expect(readdirSync(folder).toSorted()).toEqual(Object.keys(graphs).toSorted());
  });

  it.each(Object.entries(graphs))("%s", (file, build) => {
    const printed = printGraph(build());
    const path = new URL(file, folder);
    if (process.env["SSL_RESNEXT_UPDATE_GOLDEN"]) writeFileSync(path, printed);
    expect(printed).toBe(readFileSync(path, "utf8"));
  });
});
