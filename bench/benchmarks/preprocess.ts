import { readFileSync } from "node:fs";
import sharp from "sharp";
import { evalCrop, imagenetPreprocessing, normalise } from "ssl-resnext/image";
import { decodeImage } from "ssl-resnext/node";
import type { Benchmark } from "../benchmark.ts";
import { photosOf } from "../fixtures/photos.ts";
import { alternate } from "../measure/alternate.ts";
import { startPythonPeer } from "../measure/python-peer.ts";
import { median } from "../measure/statistics.ts";

const stages = ["decode", "crop", "normalise"] as const;

type StageSeconds = Readonly<Record<(typeof stages)[number], number>>;

/** Encoded photographs to the network's input, one at a time. */
export const preprocess: Benchmark = {
  name: "preprocess",
  summary: "decode, resize, crop and normalise on one thread, against Pillow and torchvision",
  async run({ photos, quick }) {
    sharp.concurrency(1);
    sharp.cache(false);
    const files = photosOf(photos).slice(0, quick ? 20 : 100);
    const encoded = files.map((file) => new Uint8Array(readFileSync(file)));
    const torch = startPythonPeer("preprocess.py");
    await torch.call("load", { files });

    const passes = { ours: [] as StageSeconds[], theirs: [] as StageSeconds[] };
    const contestant = (name: string, list: StageSeconds[], pass: () => Promise<StageSeconds>) => ({
      name,
      async run(): Promise<number> {
        const seconds = await pass();
        list.push(seconds);
        return stages.reduce((sum, stage) => sum + seconds[stage], 0);
      },
    });
    const results = await alternate(
      [
        contestant("ssl-resnext", passes.ours, () => preprocessAll(encoded)),
        contestant("Pillow + torchvision", passes.theirs, () => torch.call<StageSeconds>("run")),
      ],
      { rounds: quick ? 2 : 15, warmup: 2 },
    );
    await torch.end();

    const milliseconds = (seconds: number): string => ((seconds * 1000) / files.length).toFixed(2);
    const lists = [passes.ours, passes.theirs];
    return {
      title: "Preprocessing on one thread",
      columns: ["ms per photograph", ...stages, "together", "undisturbed runs"],
      rows: results.map(({ name, seconds, undisturbed, disturbed }, index) => [
        name,
        ...stages.map((stage) => milliseconds(median(lists[index]!.map((pass) => pass[stage])))),
        milliseconds(seconds),
        `${undisturbed} of ${undisturbed + disturbed}`,
      ]),
      targets: [],
      notes: [
        `${files.length} JPEGs from memory. Both give the same bytes after the crop. The stages are medians of all runs.`,
      ],
      data: { results, passes },
    };
  },
};

async function preprocessAll(photos: readonly Uint8Array[]): Promise<StageSeconds> {
  const seconds = { decode: 0, crop: 0, normalise: 0 };
  const input = new Float32Array(3 * 224 * 224);
  for (const photo of photos) {
    const start = performance.now();
    const image = await decodeImage(photo);
    const decoded = performance.now();
    const crop = evalCrop(image, imagenetPreprocessing);
    const cropped = performance.now();
    normalise(crop, imagenetPreprocessing, input);
    const end = performance.now();
    seconds.decode += (decoded - start) / 1000;
    seconds.crop += (cropped - decoded) / 1000;
    seconds.normalise += (end - cropped) / 1000;
  }
  return seconds;
}
