import { parseArgs } from "node:util";
import { embeddedModel } from "ssl-resnext/nn";
import type { Benchmark } from "./benchmark.ts";
import { browser } from "./benchmarks/browser.ts";
import { check } from "./benchmarks/check.ts";
import { curve } from "./benchmarks/curve.ts";
import { engines } from "./benchmarks/engines.ts";
import { head } from "./benchmarks/head.ts";
import { heads } from "./benchmarks/heads.ts";
import { int8 } from "./benchmarks/int8.ts";
import { limits } from "./benchmarks/limits.ts";
import { load } from "./benchmarks/load.ts";
import { loader } from "./benchmarks/loader.ts";
import { memory } from "./benchmarks/memory.ts";
import { model } from "./benchmarks/model.ts";
import { mpiTrain } from "./benchmarks/mpi-train.ts";
import { mpi } from "./benchmarks/mpi.ts";
import { objects } from "./benchmarks/objects.ts";
import { pipeline } from "./benchmarks/pipeline.ts";
import { preprocess } from "./benchmarks/preprocess.ts";
import { score } from "./benchmarks/score.ts";
import { select, selectBillion } from "./benchmarks/select.ts";
import { start } from "./benchmarks/start.ts";
import { sweep } from "./benchmarks/sweep.ts";
import { train } from "./benchmarks/train.ts";
import { describeMachine } from "./measure/machine.ts";
import { calibration } from "./own-photos/calibration.ts";
import { labelNext } from "./own-photos/label-next.ts";
import { pseudoLabels } from "./own-photos/pseudo-labels.ts";
import { ownPhotos, ownTextures } from "./own-photos/study.ts";
import { printReport } from "./report.ts";

const benchmarks: readonly Benchmark[] = [
  model,
  pipeline,
  engines,
  int8,
  sweep,
  preprocess,
  start,
  load,
  loader,
  train,
  mpi,
  mpiTrain,
  objects,
  memory,
  head,
  heads,
  check,
  ownPhotos,
  ownTextures,
  pseudoLabels,
  calibration,
  labelNext,
  score,
  select,
  selectBillion,
  browser,
  curve,
  limits,
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: "boolean", short: "h", default: false },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    photos: { type: "string", default: "../shared/data/photos" },
    backbone: { type: "string", default: embeddedModel },
  },
});

const chosen = benchmarks.find(({ name }) => name === positionals[0]);
const usage =
  "Usage: npm run bench -- NAME [--quick] [--json] [--photos FOLDER] [--backbone FILE]\n\n" +
  benchmarks.map(({ name, summary }) => `  ${name.padEnd(18)}${summary}`).join("\n");
if (values.help) {
  console.log(usage);
} else if (!chosen || positionals.length > 1) {
  console.error(usage);
  process.exitCode = 2;
} else {
  const machine = describeMachine();
  const report = await chosen.run(values);
  console.log(
    values.json ? JSON.stringify({ ...report, machine }, undefined, 2) : printReport(report, machine),
  );
}
