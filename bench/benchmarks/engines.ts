import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { calibrateModel, openModel } from "ssl-resnext";
import { seededRandom } from "ssl-resnext/core";
import type { Engine, Precision } from "ssl-resnext/runtime";
import type { Benchmark } from "../benchmark.ts";
import { compiledModel } from "../fixtures/compiled-model.ts";
import { photosOf } from "../fixtures/photos.ts";
import { formsOf, peerForms, type PeerForm } from "../fixtures/peer-forms.ts";
import { weightFiles, type WeightFiles } from "../fixtures/weights.ts";
import { alternate, type Contestant, type Result } from "../measure/alternate.ts";
import { startNodePeer } from "../measure/node-peer.ts";
import type { Peer } from "../measure/peer.ts";
import { startPythonPeer } from "../measure/python-peer.ts";
import { cacheFolder } from "../paths.ts";
import type { Target } from "../report.ts";
import { threads } from "./session.ts";

const batches = [1, 8] as const;
/** One timed run is of this many images, after a pass that wakes the machine: the first one after a pause takes up to twice as long. */
const imagesPerRun = 48;
const untimed = 1;

const ours = [
  { engine: "onnxruntime", precision: "fp32" },
  { engine: "openvino", precision: "fp32" },
  { engine: "openvino", precision: "bf16" },
  { engine: "onnxruntime", precision: "int8" },
  { engine: "openvino", precision: "int8" },
] as const satisfies readonly { engine: Engine; precision: Precision }[];

const forms = ["compile", "compile-bf16", "openvino", "openvino-bf16", "openvino-int8"] as const;

const precisionOf = (name: string): Precision =>
  [...ours.map((each) => ({ ...each, name: nameOf(each) })), ...Object.values(peerForms)].find(
    (each) => each.name === name,
  )!.precision;

const nameOf = ({ engine, precision }: (typeof ours)[number]): string =>
  `ssl-resnext, ${engine}, ${precision}`;

/** Engines and precisions against what people who care for speed use in Python. */
export const engines: Benchmark = {
  name: "engines",
  summary:
    "ResNeXt-50 32x4d alone on each engine in each precision, against torch.compile and OpenVINO (PYTHON= a venv that has them)",
  async run({ quick, photos }) {
    const files = weightFiles();
    const random = seededRandom(7);
    const pixels = Float32Array.from({ length: Math.max(...batches) * 3 * 224 * 224 }, () => random.normal());
    const images = join(cacheFolder, "images.f32");
    writeFileSync(images, pixels);
    const { available, versions } = await peersHere();
    const setups = [...(await setupsOfOurs(files, photosOf(photos))), ...setupsOf(available, files)];
    const missing = new Set<string>();
    const results = new Map<number, readonly Result[]>();
    for (const batch of batches) {
      const repeats = imagesPerRun / batch;
      const processes: Peer[] = [];
      try {
        const contestants: Contestant[] = [];
        for (const { name, start, network, run } of setups) {
          const peer = start();
          processes.push(peer);
          try {
            await peer.call("load", { ...network, images, batch, threads });
            contestants.push({
              name,
              run: () => peer.call<number>("run", { ...run(batch), repeats, untimed }),
            });
          } catch (error) {
            missing.add(`${name}: ${reasonOf(error)}`);
          }
        }
        results.set(batch, await alternate(contestants, { rounds: quick ? 1 : 9, warmup: quick ? 1 : 2 }));
      } finally {
        await Promise.all(processes.map((each) => each.end()));
      }
    }
    const last = results.get(8)!;
    return {
      title: "Engines and precisions",
      columns: ["", ...batches.flatMap((batch) => [`batch ${batch}: ms/image`, "images/s"])],
      rows: last.map(({ name }) => [
        name,
        ...batches.flatMap((batch) => {
          const found = results.get(batch)!.find((each) => each.name === name);
          if (!found) return ["", ""];
          const seconds = found.seconds / batch;
          return [(1000 * seconds).toFixed(1), (1 / seconds).toFixed(1)];
        }),
      ]),
      targets: [
        target(last, "int8", 1.05),
        target(last, "bf16", 1, "openvino-bf16"),
        target(last, "bf16", 1.2, "compile-bf16"),
        target(last, "fp32", 1),
      ].flatMap((each) => each ?? []),
      notes: [
        `Each on ${threads} threads in a process of its own, 224x224, in turn within one run; peers: ${versions}.`,
        "int8 of ssl-resnext is calibrated on photographs, NNCF's on photographs or noise: speed depends on neither.",
        ...[...missing].map((each) => `Could not be run: ${each}`),
      ],
      data: Object.fromEntries(results),
    };
  },
};

/** The forms that the interpreter has, and the versions of its libraries. */
async function peersHere(): Promise<{ readonly available: readonly PeerForm[]; readonly versions: string }> {
  const python = startPythonPeer("model.py");
  try {
    return { available: await formsOf(python, forms), versions: await python.call<string>("versions") };
  } finally {
    await python.end();
  }
}

/** A way to run the network, in a process of its own. */
interface Setup {
  readonly name: string;
  readonly start: () => Peer;
  /** What its process is to load. */
  readonly network: Readonly<Record<string, unknown>>;
  /** What its process has to know of a run, besides how often to repeat it. */
  readonly run: (batch: number) => Readonly<Record<string, unknown>>;
}

async function setupsOfOurs({ pth }: WeightFiles, photos: readonly string[]): Promise<readonly Setup[]> {
  const calibration = await calibrateModel(await openModel("resnext50_32x4d", { weights: pth }), photos);
  const [blocked, portable] = [await compiledModel(pth, "blocked"), await compiledModel(pth, "portable")];
  const [bf16, int8] = [await compiledModel(pth, "bf16"), await compiledModel(pth, calibration)];
  return ours.map((each) => ({
    name: nameOf(each),
    start: () => startNodePeer("session"),
    network: {
      engine: each.engine,
      precision: each.precision === "bf16" ? "bf16" : "fp32",
      model: { fp32: each.engine === "onnxruntime" ? blocked : portable, bf16, int8 }[each.precision],
    },
    run: () => ({}),
  }));
}

const setupsOf = (available: readonly PeerForm[], { pth, onnx }: WeightFiles): readonly Setup[] =>
  available.map((form) => ({
    name: peerForms[form].name,
    start: () => startPythonPeer("model.py"),
    network: { form, weights: pth, onnx },
    run: (batch) => ({ form, batch }),
  }));

/** Our fastest engine in a precision against the fastest of the others, or one of them, in images/s at batch 8. */
function target(
  results: readonly Result[],
  precision: Precision,
  wanted: number,
  peer?: PeerForm,
): Target | undefined {
  const secondsOfBest = (isOurs: boolean): number =>
    Math.min(
      ...results
        .filter(
          ({ name }) =>
            name.startsWith("ssl-resnext") === isOurs &&
            precisionOf(name) === precision &&
            (isOurs || !peer || name === peerForms[peer].name),
        )
        .map(({ seconds }) => seconds),
    );
  const [theirs, own] = [secondsOfBest(false), secondsOfBest(true)];
  if (theirs === Infinity || own === Infinity) return undefined;
  return {
    what: `images/s in ${precision}, batch 8, our fastest engine against ${peer ? peerForms[peer].name : "the fastest peer"}`,
    wanted: `at least ${wanted}x`,
    measured: `${(theirs / own).toFixed(2)}x`,
    met: theirs / own >= wanted,
  };
}

/** The last line of what a program says of an error, but for the frames of Node's stack. */
const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error))
    .trim()
    .split("\n")
    .findLast((line) => !/^ +at /.test(line))!;
