/**
 * The whole system without network: draw pictures, embed them with a ResNeXt of random weights, fit a classifier
 * to the embeddings, save it all as one safetensors file, and classify pictures it has not seen.
 *
 * Random filters tell patterns apart. Photographs need trained weights: see the README.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createModel, exportSafetensors, openImages } from "ssl-resnext";
import { tensor } from "ssl-resnext/core";
import { imagenetPreprocessing } from "ssl-resnext/image";
import { randomStateDict, resnetConfig } from "ssl-resnext/nn";
import { fitClassifier } from "./fit-classifier.mjs";
import { patternNames, renderPatterns } from "./patterns.mjs";

const folder = process.argv[2] ?? "demo";
const file = join(folder, "patterns.safetensors");
const perClass = Number(process.argv[3] ?? 40);

await rm(folder, { recursive: true, force: true });
console.log(`1. Drawing pictures of ${patternNames.join(", ")} into ${folder}/`);
await renderPatterns(join(folder, "train"), perClass, 1);
await renderPatterns(join(folder, "test"), perClass / 2, 2);

console.log("2. Embedding them with a ResNeXt-26 32x4d of random weights");
const config = resnetConfig({
  layers: [2, 2, 2, 2],
  cardinality: 32,
  baseWidth: 4,
  numClasses: patternNames.length,
});
const weights = new Map([...randomStateDict(config, 1)].map(([name, source]) => [name, wake(name, source)]));
await save(weights);
const embedder = await createModel(file);
const labels = [];
const embeddings = [];
for await (const { image, embedding } of embedder.embedAll(await openImages([join(folder, "train")]))) {
  labels.push(patternNames.findIndex((name) => image.includes(`/${name}/`)));
  embeddings.push(embedding);
}
await embedder.release();

console.log(`3. Fitting a classifier to ${embeddings.length} embeddings, and saving ${file}`);
await save(new Map([...weights, ...fitClassifier(embeddings, labels, patternNames.length)]));

console.log("4. Validating it on pictures it has not seen");
const model = await createModel(file);
const { top1, count } = await model.validate(await openImages([join(folder, "test")]));
await model.release();
console.log(
  `   ${top1.toFixed(1)} % of ${count} are right; chance is ${(100 / patternNames.length).toFixed(1)} %\n`,
);
console.log(`Try  npx ssl-resnext classify ${folder}/test/*/*-000.jpg --weights ${file} --topk 3`);
console.log(`     npx ssl-resnext info ${file}`);

/** The last normalisation of a block starts at zero, for training; random features need every block alive. */
function wake(name, source) {
  const last = name.endsWith(".bn3.weight");
  return last ? tensor("float32", source.dims, new Float32Array(source.dims[0]).fill(1)) : source;
}

function save(state) {
  const description = {
    name: "patterns",
    config,
    classes: patternNames,
    preprocessing: imagenetPreprocessing,
    provenance: { made: "by examples/random-features.mjs: random features, fitted classifier" },
  };
  return exportSafetensors({ description, withWeights: (use) => use(state) }, file);
}
