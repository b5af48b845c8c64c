// Selects images: prints seconds, rows, and the peak of resident memory in kB.
import { readFileSync } from "node:fs";
import { selectImages, type SelectImagesOptions } from "ssl-resnext/node";

const options = JSON.parse(process.argv[2]!) as SelectImagesOptions;
const start = performance.now();
const { rows, images } = await selectImages(options);
const seconds = (performance.now() - start) / 1000;
const peak = Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
const { userCPUTime, systemCPUTime } = process.resourceUsage();
console.log(JSON.stringify({ rows, images, seconds, peak, cpu: (userCPUTime + systemCPUTime) / 1e6 }));
