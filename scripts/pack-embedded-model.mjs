/**
 * Makes a trained checkpoint the model that the package carries: measures it, and writes it with its accuracy,
 * licence and limits inside.
 *
 *   node scripts/pack-embedded-model.mjs CHECKPOINT TEST_DATA [OUTPUT]
 *
 * CHECKPOINT carries its classes and preprocessing, as every checkpoint of `train` does; TEST_DATA are images that
 * were not used to train or to choose it.
 */
import { basename } from "node:path";
import { createModel, exportSafetensors, openImages, openModel } from "ssl-resnext";
import { embeddedModel, provenanceOfAccuracy } from "ssl-resnext/nn";

const [checkpoint, testData, output = `models/${embeddedModel}.safetensors`] = process.argv.slice(2);

const model = await createModel(checkpoint);
const { top1, top5, count, failed } = await model.validate(await openImages([testData]));
await model.release();
if (failed > 0) throw new Error(`${testData}: ${failed} images could not be read.`);

const source = await openModel(checkpoint);
const testSet = `CIFAR-10, ${count.toLocaleString("en-US")} test images (${basename(testData)})`;
const provenance = {
  method: "supervised",
  ...source.description.provenance,
  data: "4,000 labelled images of CIFAR-10 (A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009)",
  ...provenanceOfAccuracy({ accuracy: [top1, top5], testSet }),
  limits:
    "Sees the middle of a picture at 32x32 pixels and calls everything one of ten classes, whatever it is; " +
    "trained on tiny pictures of one object each, and no good judge of how sure it may be",
  licence: "Apache-2.0, as the code; the images that it was trained on are not part of the package",
};
await exportSafetensors(
  {
    description: { ...source.description, name: embeddedModel, provenance },
    withWeights: (use) => source.withWeights(use),
  },
  output,
);
console.log(`${output}: top-1 ${top1.toFixed(2)} %, top-5 ${top5.toFixed(2)} % of ${testSet}`);
