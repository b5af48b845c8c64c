// Opens a weights file: prints resident memory before, and the peak after, in kB.
import { readFileSync } from "node:fs";
import { createModel } from "ssl-resnext";

const status = (field: string): number =>
  Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(readFileSync("/proc/self/status", "utf8"))?.[1]);

const idle = status("VmRSS");
const [weights, images] = process.argv.slice(2);
const model = await createModel("resnext50_32x4d", { weights });
const { plan } = await model.opened(["logits"], images === undefined ? undefined : Number(images));
console.log(JSON.stringify({ idle, peak: status("VmHWM"), workers: plan.workers }));
await model.release();
