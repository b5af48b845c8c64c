/**
 * The semi-supervised pipeline from a program: every event as it comes, then the outcome as an ordinary model.
 * `node examples/self-training.mjs FOLDER IMAGES`: draws so many pictures without labels, and trains on twice as many.
 */
import { join } from "node:path";
import { createModel, runSemi } from "ssl-resnext";
import { drawTextures } from "./textures.mjs";

const folder = process.argv[2] ?? "self-training";
const images = Number(process.argv[3] ?? 3000);

const [labelled, unlabelled, test] = ["labelled", "unlabelled", "test"].map((name) => join(folder, name));
await drawTextures(labelled, { count: 100, seed: 1 });
await drawTextures(unlabelled, { count: images, seed: 2 });
await drawTextures(test, { count: 200, seed: 3 });

const recipe = {
  base: "quick",
  images: 2 * images,
  batchSize: 20,
  inputSize: 24,
  crop: "random",
  colorJitter: null,
};
const settings = {
  labelled: [labelled],
  unlabelled: [unlabelled],
  test: [test],
  validationShare: 0,
  // Without a student, teacher and student are of the same architecture: self-training.
  teacher: "resnext17_cifar10",
  teachRecipe: recipe,
  pretrainRecipe: recipe,
  finetuneRecipe: { ...recipe, learningRate: 0.02 },
  baseline: false,
};
for await (const event of runSemi({ settings, out: join(folder, "run") })) {
  if (event.type === "stage-finished") console.log(event.stage, event.manifest.counts);
  if (event.type === "report") console.log(event.path);
}

const model = await createModel(join(folder, "run/finetune/best.safetensors"));
const [best] = await model.classify(join(test, "waves/waves-00009.png"));
console.log(`waves-00009.png: ${best.label}, ${(100 * best.probability).toFixed(1)} %`);
await model.release();
