import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { tensor, type StateDict } from "../../src/core/index.ts";
import { imagenetPreprocessing } from "../../src/image/index.ts";
import {
  encodeDescription,
  randomStateDict,
  resnetConfig,
  type ModelDescription,
} from "../../src/nn/index.ts";
import { writeFileAtomic } from "../../src/node/files/file-system.ts";
import { createModel } from "../../src/node/library.ts";
import { encodeSafetensors } from "../../src/weights/index.ts";
import { solidPng } from "./solid-images.ts";

/** Classes of the colour model, and the colours that stand for them. */
export const colours = { red: [220, 20, 20], green: [20, 220, 20], blue: [20, 20, 220] } as const;

const names = Object.keys(colours) as (keyof typeof colours)[];

/**
 * A small ResNeXt that tells colours apart: random layers, and a classifier that picks the nearest of the three
 * colours' embeddings. Written as a checkpoint that carries its description.
 */
export async function colourCheckpoint(folder: string): Promise<string> {
  const config = resnetConfig({ layers: [1, 1], width: 8, baseWidth: 64, cardinality: 2, numClasses: 3 });
  const description: ModelDescription = {
    name: "colours",
    config,
    classes: names,
    preprocessing: { ...imagenetPreprocessing, inputSize: 32 },
    provenance: { recipe: "nearest colour" },
  };
  const path = join(folder, "colours.safetensors");
  const random = randomStateDict(config, 5);
  await write(path, random, description);

  const model = await createModel(path);
  try {
    const embeddings: Float32Array[] = [];
    for (const name of names) embeddings.push(await model.embed(await solidPng(colours[name])));
    await write(path, new Map([...random, ...nearestClassifier(embeddings)]), description);
  } finally {
    await model.release();
  }
  return path;
}

/** -|x - e|² / 2 without the part that all classes share: e·x - |e|² / 2, sharpened. */
function nearestClassifier(embeddings: readonly Float32Array[]): StateDict {
  const length = embeddings[0]!.length;
  const dot = (a: Float32Array, b: Float32Array): number =>
    a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  const sharpness = 4 / dot(embeddings[0]!, embeddings[0]!);
  const weight = Float32Array.from(
    embeddings.flatMap((embedding) => Array.from(embedding, (x) => x * sharpness)),
  );
  const bias = Float32Array.from(embeddings, (embedding) => (-dot(embedding, embedding) / 2) * sharpness);
  return new Map([
    ["fc.weight", tensor("float32", [embeddings.length, length], weight)],
    ["fc.bias", tensor("float32", [embeddings.length], bias)],
  ]);
}

function write(path: string, weights: StateDict, description: ModelDescription): Promise<void> {
  return writeFileAtomic(path, encodeSafetensors(weights, encodeDescription(description)).chunks);
}

/** Writes an image of each colour and gives their paths. */
export async function colourImages(folder: string): Promise<Record<keyof typeof colours, string>> {
  const entries = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, `${name}.png`);
      writeFileSync(path, await solidPng(colours[name]));
      return [name, path] as const;
    }),
  );
  return Object.fromEntries(entries) as Record<keyof typeof colours, string>;
}
