// What transformers.js makes of web/ of a folder that exportHuggingFace wrote, as JSON.
//
// usage: node exchange.mjs TRANSFORMERS FOLDER PHOTO...
//
// TRANSFORMERS is the file of the module, FOLDER that which web/ lies in. For each dtype: logits of each photo, from the file on,
// and the classes of its pipeline, best first.
import { pathToFileURL } from "node:url";

const [module, folder, ...photos] = process.argv.slice(2);
const { env, load_image, pipeline } = await import(pathToFileURL(module).href);
env.allowRemoteModels = false;
env.localModelPath = `${folder}/`;

const found = {};
for (const dtype of ["fp32", "fp16", "q8"]) {
  const run = await pipeline("image-classification", "web", { dtype, device: "cpu" });
  const logits = [];
  const labels = [];
  for (const photo of photos) {
    const image = await load_image(photo);
    const { pixel_values } = await run.processor([image]);
    logits.push([...(await run.model({ pixel_values })).logits.data]);
    labels.push((await run(photo, { top_k: null })).map(({ label }) => label));
  }
  found[dtype] = { logits, labels };
}
process.stdout.write(JSON.stringify(found));
