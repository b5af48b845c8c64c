import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Tensor, type InferenceSession } from "onnxruntime-node";
import { seededRandom } from "ssl-resnext/core";
import type { Benchmark } from "../benchmark.ts";
import { compiledModel } from "../fixtures/compiled-model.ts";
import { formsOf, peerForms } from "../fixtures/peer-forms.ts";
import { weightFiles } from "../fixtures/weights.ts";
import { alternate, type Contestant, type Result } from "../measure/alternate.ts";
import type { Peer } from "../measure/peer.ts";
import { startPythonPeer } from "../measure/python-peer.ts";
import { cacheFolder } from "../paths.ts";
import type { Target } from "../report.ts";
import { openSession, threads, timeRuns } from "./session.ts";

const batches = [1, 8] as const;
const forms = ["jit", "channels-last", "nchw", "compile", "openvino"] as const;
const names = { ours: "ssl-resnext", plain: "ONNX Runtime on PyTorch's export" };

/** Multiply-adds of ResNeXt-50 32x4d at 224 pixels. */
const multiplyAdds = 4_230_479_872;

/** One timed run lasts about half a second: long against the ticks in which CPU time is counted. */
const imagesPerRun = 16;

/** The network alone: images in memory to logits. */
export const model: Benchmark = {
  name: "model",
  summary: "ResNeXt-50 32x4d alone, batch 1 and 8, against ONNX Runtime and PyTorch",
  async run({ quick }) {
    const files = weightFiles();
    const images = randomImages(Math.max(...batches));
    const imagesFile = join(cacheFolder, "images.f32");
    writeFileSync(imagesFile, images);
    const ours = await openSession(await compiledModel(files.pth));
    const plain = await openSession(files.onnx);
    const torch = startPythonPeer("model.py");

    const results = new Map<number, readonly Result[]>();
    let versions: string;
    try {
      versions = await torch.call<string>("versions");
      const available = await formsOf(torch, forms);
      for (const batch of batches) {
        const input = new Tensor("float32", images.subarray(0, batch * 3 * 224 * 224), [batch, 3, 224, 224]);
        const repeats = imagesPerRun / batch;
        const reference = await logits(ours, input);
        expectAgreement(names.plain, reference, await logits(plain, input));
        for (const form of available) {
          const load = { weights: files.pth, onnx: files.onnx, form, images: imagesFile, batch, threads };
          expectAgreement(peerForms[form].name, reference, await torch.call<number[]>("load", load));
        }
        const contestants = [
          onnxContestant(names.ours, ours, input, repeats),
          onnxContestant(names.plain, plain, input, repeats),
          ...available.map((form) => torchContestant(peerForms[form].name, torch, { form, batch, repeats })),
        ];
        results.set(batch, await alternate(contestants, { rounds: quick ? 1 : 15, warmup: quick ? 1 : 2 }));
      }
    } finally {
      await torch.end();
      await ours.release();
      await plain.release();
    }
    return {
      title: "The network alone",
      columns: [
        "",
        ...batches.flatMap((batch) => [`batch ${batch}: ms/image`, "GFLOP/s", "ours is faster by"]),
      ],
      rows: [...results.get(1)!.keys()].map((index) => row(index, results)),
      targets: batches.map((batch) => target(batch, results.get(batch)!)),
      notes: [
        `Each on ${threads} threads, 224x224, float32, in turn within one run; medians of the runs that nothing disturbed. Peers: ${versions}.`,
        "Logits of all agree within 1e-4 of the largest; the weights are seeded random ones that PyTorch wrote.",
        ...batches.map((batch) => countRuns(batch, results.get(batch)!)),
      ],
      data: Object.fromEntries(results),
    };
  },
};

function randomImages(count: number): Float32Array<ArrayBuffer> {
  const random = seededRandom(7);
  return new Float32Array(count * 3 * 224 * 224).map(() => random.normal());
}

async function logits(session: InferenceSession, images: Tensor): Promise<ArrayLike<number>> {
  const outputs = await session.run({ images });
  return outputs["logits"]!.data as Float32Array;
}

function expectAgreement(name: string, ours: ArrayLike<number>, theirs: ArrayLike<number>): void {
  const values = Array.from(ours);
  const largest = Math.max(...values.map(Math.abs));
  const difference = Math.max(...values.map((value, index) => Math.abs(value - theirs[index]!)));
  if (!(difference / largest < 1e-4)) {
    throw new Error(`${name} computes something else: logits differ by ${difference} of ${largest}.`);
  }
}

function onnxContestant(
  name: string,
  session: InferenceSession,
  images: Tensor,
  repeats: number,
): Contestant {
  return { name, run: () => timeRuns(session, { images }, repeats) };
}

function torchContestant(
  name: string,
  torch: Peer,
  parameters: { form: string; batch: number; repeats: number },
): Contestant {
  return { name, run: () => torch.call<number>("run", parameters) };
}

function row(index: number, results: ReadonlyMap<number, readonly Result[]>): readonly string[] {
  const cells = [...results].flatMap(([batch, list]) => {
    const perImage = list[index]!.seconds / batch;
    return [
      (perImage * 1000).toFixed(1),
      ((2 * multiplyAdds) / perImage / 1e9).toFixed(0),
      `${(list[index]!.seconds / list[0]!.seconds).toFixed(2)}x`,
    ];
  });
  return [results.get(1)![index]!.name, ...cells];
}

function target(batch: number, [ours, plain]: readonly Result[]): Target {
  const ratio = ours!.seconds / plain!.seconds;
  return {
    what: `time against plain ONNX Runtime, batch ${batch}`,
    wanted: "at most 1.03",
    measured: ratio.toFixed(3),
    met: ratio <= 1.03,
  };
}

function countRuns(batch: number, results: readonly Result[]): string {
  const runs = results.map(({ undisturbed, disturbed }) => `${undisturbed} (${disturbed})`);
  return `Undisturbed (disturbed) runs at batch ${batch}, in the table's order: ${runs.join(", ")}.`;
}
