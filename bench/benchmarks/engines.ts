import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { calibrateModel, openModel } from "ssl-resnext";
import { seededRandom, tensor, type Tensor } from "ssl-resnext/core";
import { encodeModel } from "ssl-resnext/graph";
import { inferenceGraph } from "ssl-resnext/nn";
import { cpuBlockSize, nodePlatform } from "ssl-resnext/node";
import type { Engine, Session } from "ssl-resnext/runtime";
import type { Benchmark } from "../benchmark.ts";
import { photosOf } from "../fixtures/photos.ts";
import { formsOf, peerForms, type PeerForm, type Precision } from "../fixtures/peer-forms.ts";
import { weightFiles } from "../fixtures/weights.ts";
import { alternate, type Contestant, type Result } from "../measure/alternate.ts";
import { startPythonPeer } from "../measure/python-peer.ts";
import { cacheFolder } from "../paths.ts";
import type { Target } from "../report.ts";
import { threads } from "./session.ts";

const batches = [1, 8] as const;
/** One timed run is of this many images. */
const imagesPerRun = 16;

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
    const python = startPythonPeer("model.py");
    const missing = new Set<string>();
    const results = new Map<number, readonly Result[]>();
    let versions = "";
    try {
      versions = await python.call<string>("versions");
      for (const batch of batches) {
        const repeats = imagesPerRun / batch;
        const input = tensor("float32", [batch, 3, 224, 224], pixels.slice(0, batch * 3 * 224 * 224));
        const contestants: Contestant[] = [];
        const sessions: Session[] = [];
        for (const setup of ours) {
          const name = nameOf(setup);
          try {
            const session = await openOurs(files.pth, setup, batch, photosOf(photos));
            sessions.push(session);
            contestants.push({ name, run: () => secondsOf(session, input, repeats) });
          } catch (error) {
            missing.add(`${name}: ${reasonOf(error)}`);
          }
        }
        for (const form of await formsOf(python, forms)) {
          const { name } = peerForms[form];
          const load = { form, weights: files.pth, onnx: files.onnx, images, batch, threads };
          try {
            await python.call("load", load);
            contestants.push({ name, run: () => python.call<number>("run", { form, batch, repeats }) });
          } catch (error) {
            missing.add(`${name}: ${reasonOf(error)}`);
          }
        }
        results.set(batch, await alternate(contestants, { rounds: quick ? 1 : 9, warmup: quick ? 1 : 2 }));
        for (const session of sessions) await session.release();
      }
    } finally {
      await python.end();
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
        `Each on ${threads} threads, 224x224, in turn within one run; peers: ${versions}.`,
        "int8 of ssl-resnext is calibrated on photographs, NNCF's on photographs or noise: speed depends on neither.",
        ...[...missing].map((each) => `Could not be run: ${each}`),
      ],
      data: Object.fromEntries(results),
    };
  },
};

async function openOurs(
  pth: string,
  { engine, precision }: (typeof ours)[number],
  batchSize: number,
  photos: readonly string[],
): Promise<Session> {
  const source = await openModel("resnext50_32x4d", { weights: pth });
  const { config, preprocessing } = source.description;
  const int8 = precision === "int8" ? await calibrateModel(source, photos) : undefined;
  const blockSize = engine === "onnxruntime" ? await cpuBlockSize() : undefined;
  const { externalData = "weights.bin", storeModel, createSession } = nodePlatform;
  const stored = await source.withWeights((weights) =>
    storeModel(
      encodeModel(inferenceGraph(config, weights, { blockSize, int8, inputSize: preprocessing.inputSize }), {
        externalData,
      }),
    ),
  );
  try {
    return await createSession(stored.model, {
      engine,
      precision: precision === "bf16" ? "bf16" : "fp32",
      batchSize,
    });
  } finally {
    await stored.remove();
  }
}

/** Seconds of one run, the mean over `repeats`. What goes in moves to the session's thread, as in a pipeline: no copy is timed. */
async function secondsOf(session: Session, input: Tensor, repeats: number): Promise<number> {
  const [name = "images"] = session.inputNames;
  const inputs = Array.from({ length: repeats }, () => ({ ...input, data: input.data.slice() }));
  const start = performance.now();
  for (const images of inputs) await session.run({ [name]: images }, { transfer: true });
  return (performance.now() - start) / 1000 / repeats;
}

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

/** The last line of what a program of another language says of an error. */
const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).trim().split("\n").at(-1)!;
