// Runs `count` images through the built pipeline and prints the peak resident memory in bytes.
// Arguments: model file (base64), image file, count.
import { nodePlatform } from "../../dist/node/index.js";
import { createImagePipeline } from "../../dist/predict/index.js";

const [model, image, count] = process.argv.slice(2);
const preprocessing = {
  inputSize: 224,
  cropPct: 0.875,
  interpolation: "bilinear",
  mean: [0, 0, 0],
  std: [1, 1, 1],
};
const pipeline = await createImagePipeline(nodePlatform, {
  model: new Uint8Array(Buffer.from(model, "base64")),
  outputs: ["logits"],
  preprocessing,
  plan: { workers: 2, threadsPerWorker: 1, batchSize: 1, reason: "" },
});

function* items() {
  for (let i = 0; i < Number(count); i++) yield { id: String(i), content: { path: image } };
}

let results = 0;
for await (const result of pipeline.run(items())) if ("outputs" in result) results++;
await pipeline.release();
process.stdout.write(JSON.stringify({ results, peak: process.resourceUsage().maxRSS * 1024 }));
