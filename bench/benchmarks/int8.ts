import { Tensor } from "onnxruntime-node";
import { calibrateModel, createModel, openImages, openModel } from "ssl-resnext";
import { seededRandom } from "ssl-resnext/core";
import type { Benchmark } from "../benchmark.ts";
import { compiledModel } from "../fixtures/compiled-model.ts";
import { photoFolder, photosOf } from "../fixtures/photos.ts";
import { weightFiles } from "../fixtures/weights.ts";
import { alternate, type Result } from "../measure/alternate.ts";
import { classifyFolder, type FolderPass } from "../measure/classify-folder.ts";
import type { Target } from "../report.ts";
import { describeSetting, openTorchPipeline } from "./pipeline-settings.ts";
import { openSession, threads, timeRuns } from "./session.ts";
import { bestSettings } from "./sweep.ts";

const batch = 4;
/** One timed run of a network lasts about as long as half a second. */
const repeats = 8;

/** What 8-bit integers gain: files to predictions against PyTorch, and the network alone against float32. */
export const int8: Benchmark = {
  name: "int8",
  summary: "int8: photographs to predictions against PyTorch, and the network alone against float32",
  async run(options) {
    const count = options.quick ? 48 : 200;
    const { pth } = weightFiles();
    const photos = photosOf(options.photos);
    const folder = photoFolder(photos, count);
    const settings = await bestSettings(options);
    const images = await openImages([folder]);
    const calibration = await calibrateModel(await openModel("resnext50_32x4d", { weights: pth }), photos);
    const [fast, exact] = await Promise.all([
      createModel("resnext50_32x4d", { weights: pth, precision: "int8", calibration }),
      createModel("resnext50_32x4d", { weights: pth }),
    ]);
    const loader = await openTorchPipeline(settings.loader, pth, photosOf(folder));
    const split = await openTorchPipeline(settings.split, pth, photosOf(folder));
    let whole: readonly Result[];
    let agreement: string;
    let layout: string;
    try {
      const { plan } = await fast.opened(["logits"], images.size);
      layout = `${plan.workers} workers, ${plan.threadsPerWorker} threads each, batch ${plan.batchSize}`;
      agreement = compare(await classifyFolder(fast, images), await classifyFolder(exact, images));
      // Their answers are compared in `pipeline`; here they are made warm.
      await Promise.all([loader.run(), split.run()]);
      whole = await alternate(
        [
          { name: "ssl-resnext, int8", run: async () => (await classifyFolder(fast, images)).seconds },
          { name: "ssl-resnext, float32", run: async () => (await classifyFolder(exact, images)).seconds },
          { name: "PyTorch + Pillow, the best pipeline", run: async () => (await loader.run()).seconds },
          { name: "PyTorch + Pillow, a pipeline per core", run: async () => (await split.run()).seconds },
        ],
        { rounds: options.quick ? 1 : 3, warmup: 0 },
      );
    } finally {
      await Promise.all([fast.release(), exact.release(), loader.end(), split.end()]);
    }
    const alone = await networkAlone(
      await compiledModel(pth, calibration),
      await compiledModel(pth),
      options.quick,
    );
    return {
      title: "8-bit integers",
      columns: ["", "setting", "ms/image", "images/s", "int8 is faster by", "undisturbed runs"],
      rows: [
        ...rows(whole, count, [
          layout,
          layout,
          ...[settings.loader, settings.split].map((each) => `${each.form}: ${describeSetting(each)}`),
        ]),
        ...rows(
          alone,
          1,
          alone.map(() => `batch ${batch}, ${threads} threads`),
        ),
      ],
      targets: [
        target(whole, 2, "the best PyTorch pipeline"),
        target(whole, 3, "a PyTorch pipeline per core"),
      ],
      notes: [
        `${count} JPEGs, read from files and decoded anew in every run; models and workers stand before.`,
        agreement,
      ],
      data: { whole, alone, settings },
    };
  },
};

/** The network in both precisions, in turn, on all cores. */
async function networkAlone(quantised: string, exact: string, quick: boolean): Promise<readonly Result[]> {
  const random = seededRandom(1);
  const pixels = Float32Array.from({ length: batch * 3 * 224 * 224 }, () => 4 * random.uniform() - 2);
  const images = new Tensor("float32", pixels, [batch, 3, 224, 224]);
  const contestants = [];
  for (const [name, path] of [
    ["the network alone, int8", quantised],
    ["the network alone, float32", exact],
  ] as const) {
    const session = await openSession(path);
    contestants.push({
      name,
      run: async () => (await timeRuns(session, { images }, repeats)) / batch,
    });
  }
  return alternate(contestants, { rounds: quick ? 1 : 15, warmup: quick ? 1 : 2 });
}

function compare(found: FolderPass, expected: FolderPass): string {
  const same = found.classes.filter((index, image) => index === expected.classes[image]).length;
  const size = (values: readonly number[]): number => Math.hypot(...values);
  const error = size(found.best.map((value, image) => value - expected.best[image]!)) / size(expected.best);
  if (!(error < 0.1))
    throw new Error(`int8 computes something else: best logits differ by ${error} of their size.`);
  return (
    `With these random weights int8 chooses float32's class for ${same} of ${found.classes.length}; ` +
    `best logits differ by ${(100 * error).toFixed(1)} % (root mean square). What trained weights lose is measured by \`validate\`.`
  );
}

function rows(results: readonly Result[], images: number, settings: readonly string[]): readonly string[][] {
  return results.map((result, index) => [
    result.name,
    settings[index]!,
    ((1000 * result.seconds) / images).toFixed(1),
    (images / result.seconds).toFixed(1),
    `${(result.seconds / results[0]!.seconds).toFixed(2)}x`,
    `${result.undisturbed} of ${result.undisturbed + result.disturbed}`,
  ]);
}

function target(results: readonly Result[], index: number, name: string): Target {
  const ratio = results[index]!.seconds / results[0]!.seconds;
  return {
    what: `images/s against ${name}`,
    wanted: "at least 2.4x",
    measured: `${ratio.toFixed(2)}x`,
    met: ratio >= 2.4,
  };
}
