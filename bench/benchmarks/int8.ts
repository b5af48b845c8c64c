import { Tensor } from "onnxruntime-node";
import { calibrateModel, createModel, openImages, openModel, type Model } from "ssl-resnext";
import { seededRandom, SslResnextError } from "ssl-resnext/core";
import type { Benchmark } from "../benchmark.ts";
import { compiledModel } from "../fixtures/compiled-model.ts";
import { photoFolder, photosOf } from "../fixtures/photos.ts";
import { weightFiles } from "../fixtures/weights.ts";
import { alternate, type Result } from "../measure/alternate.ts";
import { classifyFolder, type FolderPass } from "../measure/classify-folder.ts";
import type { Target } from "../report.ts";
import { describeSetting, namedSettings, openPeerPipeline, settingNames } from "./pipeline-settings.ts";
import { openSession, threads, timeRuns } from "./session.ts";
import { bestSettings } from "./sweep.ts";

const batch = 4;
/** One timed run of a network lasts about as long as half a second. */
const repeats = 8;

/** What 8-bit integers gain: files to predictions against pipelines in Python, and the network alone against float32. */
export const int8: Benchmark = {
  name: "int8",
  summary:
    "int8: photographs to predictions against pipelines in Python, and the network alone against float32",
  async run(options) {
    const count = options.quick ? 48 : 200;
    const weights = weightFiles();
    const photos = photosOf(options.photos);
    const folder = photoFolder(photos, count);
    const { versions, loader, split, bf16, int8: quantised } = await bestSettings(options);
    const peers = namedSettings({ loader, split, bf16, int8: quantised });
    const images = await openImages([folder]);
    const architecture = "resnext50_32x4d";
    const source = { weights: weights.pth };
    const calibration = await calibrateModel(await openModel(architecture, source), photos);
    const missing: string[] = [];
    const models: (readonly [name: string, Model, setting: string])[] = [];
    for (const [name, execution] of [
      ["ssl-resnext, int8", { precision: "int8" }],
      ["ssl-resnext, int8 on OpenVINO", { precision: "int8", engine: "openvino" }],
      ["ssl-resnext, bf16 on OpenVINO", { precision: "bf16", engine: "openvino" }],
      ["ssl-resnext, float32", {}],
    ] as const) {
      try {
        const isInt8 = "precision" in execution && execution.precision === "int8";
        const model = await createModel(architecture, {
          ...source,
          ...execution,
          ...(isInt8 ? { calibration } : {}),
        });
        const { plan } = await model.opened(["logits"], images.size);
        const layout = `${plan.workers} workers, ${plan.threadsPerWorker} threads each, batch ${plan.batchSize}`;
        models.push([name, model, layout]);
      } catch (error) {
        if (!(error instanceof SslResnextError)) throw error;
        missing.push(`Could not be run: ${name}: ${error.message}`);
      }
    }
    const pipelines = await Promise.all(
      peers.map(([, setting]) => openPeerPipeline(setting, weights, photosOf(folder))),
    );
    let whole: readonly Result[];
    let agreement: string;
    try {
      const [fast, exact] = [models[0]![1], models.at(-1)![1]];
      agreement = compare(await classifyFolder(fast, images), await classifyFolder(exact, images));
      // Their answers are compared in `pipeline`; here they are made warm.
      for (const [, model] of models.slice(1, -1)) await classifyFolder(model, images);
      await Promise.all(pipelines.map((peer) => peer.run()));
      whole = await alternate(
        [
          ...models.map(([name, model]) => ({
            name,
            run: async () => (await classifyFolder(model, images)).seconds,
          })),
          ...peers.map(([name], index) => ({
            name,
            run: async () => (await pipelines[index]!.run()).seconds,
          })),
        ],
        { rounds: options.quick ? 1 : 3, warmup: 0 },
      );
    } finally {
      await Promise.all([
        ...models.map(([, model]) => model.release()),
        ...pipelines.map((peer) => peer.end()),
      ]);
    }
    const alone = await networkAlone(
      await compiledModel(weights.pth, calibration),
      await compiledModel(weights.pth),
      options.quick,
    );
    const onOpenVino = "ssl-resnext, int8 on OpenVINO";
    return {
      title: "8-bit integers",
      columns: ["", "setting", "ms/image", "images/s", "int8 is faster by", "undisturbed runs"],
      rows: [
        ...rows(whole, count, [
          ...models.map(([, , layout]) => layout),
          ...peers.map(([, setting]) => describeSetting(setting)),
        ]),
        ...rows(
          alone,
          1,
          alone.map(() => `batch ${batch}, ${threads} threads`),
        ),
      ],
      targets: [
        target(whole, "ssl-resnext, int8", settingNames.loader, 2.4),
        target(whole, onOpenVino, "ssl-resnext, int8", 1.5),
        target(whole, onOpenVino, settingNames.int8, 1.3),
        target(whole, onOpenVino, settingNames.bf16, 1.3),
      ].flatMap((each) => each ?? []),
      notes: [
        `${count} JPEGs, read from files and decoded anew in every run; models and workers stand before. Peers: ${versions}.`,
        agreement,
        ...missing,
      ],
      data: { whole, alone, settings: { loader, split, bf16, int8: quantised } },
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

/** Images/s of one against another, where both could be run. */
function target(
  results: readonly Result[],
  ours: string,
  theirs: string,
  wanted: number,
): Target | undefined {
  const [own, other] = [ours, theirs].map((name) => results.find((result) => result.name === name));
  if (!own || !other) return undefined;
  const ratio = other.seconds / own.seconds;
  return {
    what: `images/s of ${ours} against ${theirs}`,
    wanted: `at least ${wanted}x`,
    measured: `${ratio.toFixed(2)}x`,
    met: ratio >= wanted,
  };
}
