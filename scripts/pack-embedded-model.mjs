/**
 * Makes the student of a semi-supervised run the model that the package carries: measures it, and writes it with its
 * accuracy, licence and limits inside.
 *
 *   node scripts/pack-embedded-model.mjs RUN TEST_DATA [OUTPUT]
 *
 * RUN is the folder of one seed of `semi run`; TEST_DATA are images that trained none of its networks.
 */
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { createModel, exportSafetensors, openImages, openModel } from "ssl-resnext";
import { embeddedModel, provenanceOfAccuracy, withoutAccuracy } from "ssl-resnext/nn";

const [run, testData, output = `models/${embeddedModel}.safetensors`] = process.argv.slice(2);

const manifestOf = async (stage) => JSON.parse(await readFile(join(run, stage, "manifest.json"), "utf8"));
const count = (number) => number.toLocaleString("en-US");

const checkpoint = join(run, "finetune", "best.safetensors");
const model = await createModel(checkpoint);
const { top1, top5, count: images, failed } = await model.validate(await openImages([testData]));
await model.release();
if (failed > 0) throw new Error(`${testData}: ${failed} images could not be read.`);

const [scores, selection, pretraining, results] = await Promise.all(
  ["scores", "selection", "pretrain", "results"].map(manifestOf),
);
const source = await openModel(checkpoint);
const testSet = `CIFAR-10, ${count(images)} test images (${basename(testData)})`;
const provenance = {
  ...withoutAccuracy(source.description.provenance),
  method:
    "semi-supervised (Yalniz et al., Billion-scale semi-supervised learning for image classification, 2019): " +
    `pre-trained on the ${count(selection.counts.k)} images of each class that a teacher ranks highest, ` +
    "then fine-tuned on the labelled images",
  teacher: `trained on the same labelled images, top-1 ${results.counts["top-1 of teacher"].toFixed(2)} %`,
  model: pretraining.settings.start.model,
  data:
    `4,000 labelled images of CIFAR-10, and ${count(scores.counts.images)} whose labels were not used ` +
    "(A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009)",
  "recipe of pre-training": JSON.stringify(pretraining.settings.recipe),
  ...provenanceOfAccuracy({ accuracy: [top1, top5], testSet }),
  limits:
    "Sees the middle of a picture at 32x32 pixels and calls everything one of ten classes, whatever it is; " +
    "trained on tiny pictures of one object each, and no good judge of how sure it may be",
  licence: "Apache-2.0, as the code",
  "licence of the data": "the images that it was trained on are not part of the package",
};
await exportSafetensors(
  {
    description: { ...source.description, name: embeddedModel, provenance },
    withWeights: (use) => source.withWeights(use),
  },
  output,
);
console.log(`${output}: top-1 ${top1.toFixed(2)} %, top-5 ${top5.toFixed(2)} % of ${testSet}`);
