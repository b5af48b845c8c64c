/**
 * The whole system without network: draw pictures, embed them with a ResNeXt of random weights, fit a classifier
 * to the embeddings, save it all as one safetensors file, and classify pictures it has not seen.
 *
 * Random filters tell textures apart. Photographs need trained weights: see the README.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createModel, exportSafetensors, openImages } from "ssl-resnext";
import { tensor } from "ssl-resnext/core";
import { imagenetPreprocessing } from "ssl-resnext/image";
import { randomStateDict, resnetConfig } from "ssl-resnext/nn";
import { fitClassifier } from "./fit-classifier.mjs";
import { drawTextures, textureNames } from "./textures.mjs";

const folder = process.argv[2] ?? "demo";
const file = join(folder, "textures.safetensors");
const perClass = Number(process.argv[3] ?? 40);

await rm(folder, { recursive: true, force: true });
console.log(`1. Drawing pictures of ${textureNames.join(", ")} into ${folder}/`);
await drawTextures(join(folder, "train"), { count: perClass * textureNames.length, seed: 1, size: 240 });
await drawTextures(join(folder, "test"), { count: (perClass * textureNames.length) / 2, seed: 2, size: 240 });

console.log("2. Embedding them with a ResNeXt-26 32x4d of random weights");
const config = resnetConfig({
  layers: [2, 2, 2, 2],
  cardinality: 32,
  baseWidth: 4,
  numClasses: textureNames.length,
});
const weights = new Map([...randomStateDict(config, 1)].map(([name, source]) => [name, wake(name, source)]));
await save(weights);
const embedder = await createModel(file);
const labels = [];
const embeddings = [];
for await (const { image, embedding } of embedder.embedAll(await openImages([join(folder, "train")]))) {
  labels.push(textureNames.findIndex((name) => image.includes(`/${name}/`)));
  embeddings.push(embedding);
}
await embedder.release();

console.log(`3. Fitting a classifier to ${embeddings.length} embeddings, and saving ${file}`);
await save(new Map([...weights, ...fitClassifier(embeddings, labels, textureNames.length)]));

console.log("4. Validating it on pictures it has not seen");
const model = await createModel(file);
const { top1, count } = await model.validate(await openImages([join(folder, "test")]));
await model.release();
console.log(
  `   ${top1.toFixed(1)} % of ${count} are right; chance is ${(100 / textureNames.length).toFixed(1)} %\n`,
);
console.log(`Try  npx ssl-resnext classify ${folder}/test/dots/*.png --weights ${file} --topk 3`);
console.log(`     npx ssl-resnext info ${file}`);

/** The last normalisation of a block starts at zero, for training; random features need every block alive. */
function wake(name, source) {
  const last = name.endsWith(".bn3.weight");
  return last ? tensor("float32", source.dims, new Float32Array(source.dims[0]).fill(1)) : source;
}

function save(state) {
  const description = {
    name: "textures",
    config,
    classes: textureNames,
    preprocessing: imagenetPreprocessing,
    provenance: { made: "by examples/random-features.mjs: random features, fitted classifier" },
  };
  return exportSafetensors({ description, withWeights: (use) => use(state) }, file);
}
