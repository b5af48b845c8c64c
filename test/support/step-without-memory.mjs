// Takes a step that needs more memory than the process may have, then one that does not.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { resnetConfig } from "../../dist/nn/index.js";
import { openTrainingStep } from "../../dist/node/index.js";
import { initialTrainingState, trainingProgram } from "../../dist/train/index.js";

const prlimit = process.argv[2];
const limit = (bytes) => execFileSync(prlimit, ["--pid", `${process.pid}`, `--as=${bytes}:unlimited`]);
const used = () => Number(/VmSize:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))[1]) * 1024;

const [batchSize, inputSize] = [64, 64];
const config = resnetConfig({ layers: [1], width: 64, stem: "cifar", numClasses: 10, block: "basic" });
const program = trainingProgram(config, { batchSize, inputSize });
const step = await openTrainingStep(program, { state: initialTrainingState(program), threads: 1 });
const batch = () => ({
  images: new Float32Array(batchSize * 3 * inputSize ** 2).fill(0.5),
  targets: new Float32Array(batchSize * 10).fill(0.1),
});
const bytes = async () =>
  Buffer.concat([...(await step.state()).values()].map(({ data }) => Buffer.from(data.buffer)));

const before = await bytes();
// One activation takes 64 MB, the step several hundred.
limit(used() + 200e6);
const code = await step.run(batch(), { learningRate: 0.1, step: 1 }).then(
  () => "none",
  (error) => error.code,
);
limit("unlimited");
const kept = (await bytes()).equals(before);
await step.run(batch(), { learningRate: 0.1, step: 1 });
const wentOn = !(await bytes()).equals(before);
await step.release();
process.stdout.write(JSON.stringify({ code, kept, wentOn }));
