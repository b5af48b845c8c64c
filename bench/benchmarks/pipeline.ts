import { createModel, openImages } from "ssl-resnext";
import type { Benchmark } from "../benchmark.ts";
import { photoFolder, photosOf } from "../fixtures/photos.ts";
import { weightFiles } from "../fixtures/weights.ts";
import { alternate, type Result } from "../measure/alternate.ts";
import { classifyFolder } from "../measure/classify-folder.ts";
import type { Target } from "../report.ts";
import { describeSetting, openTorchPipeline } from "./pipeline-settings.ts";
import { bestSettings } from "./sweep.ts";

/** A folder of photographs to their predictions. */
export const pipeline: Benchmark = {
  name: "pipeline",
  summary: "a folder of photographs to predictions, against PyTorch and Pillow at their best",
  async run(options) {
    const count = options.quick ? 48 : 300;
    const { pth } = weightFiles();
    const folder = photoFolder(photosOf(options.photos), count);
    const files = photosOf(folder);
    const settings = await bestSettings(options);
    const images = await openImages([folder]);
    const model = await createModel("resnext50_32x4d", { weights: pth });
    const loader = await openTorchPipeline(settings.loader, pth, files);
    const split = await openTorchPipeline(settings.split, pth, files);
    const eager = await openTorchPipeline(settings.eager, pth, files);
    try {
      const { plan } = await model.opened(["logits"], images.size);
      const { best } = await classifyFolder(model, images);
      for (const torch of [loader, eager, split]) expectAgreement(best, (await torch.run()).best);
      const results = await alternate(
        [
          { name: "ssl-resnext", run: async () => (await classifyFolder(model, images)).seconds },
          { name: "PyTorch + Pillow, the best pipeline", run: async () => (await loader.run()).seconds },
          { name: "PyTorch + Pillow, eager channels-last", run: async () => (await eager.run()).seconds },
          { name: "PyTorch + Pillow, a pipeline per core", run: async () => (await split.run()).seconds },
        ],
        // All are warm: their answers were compared.
        { rounds: options.quick ? 1 : 3, warmup: 0 },
      );
      const settingOf = [
        `${plan.workers} workers, ${plan.threadsPerWorker} threads each, batch ${plan.batchSize}`,
        ...[settings.loader, settings.eager, settings.split].map(
          (setting) => `${setting.form}: ${describeSetting(setting)}`,
        ),
      ];
      return {
        title: "A folder of photographs to predictions",
        columns: [
          "",
          "setting",
          "images/s",
          "slowest to fastest run",
          "ours is faster by",
          "undisturbed runs",
        ],
        rows: results.map((result, index) => [
          result.name,
          settingOf[index]!,
          (count / result.seconds).toFixed(1),
          `${(count / result.slowest).toFixed(1)} to ${(count / result.fastest).toFixed(1)}`,
          `${(result.seconds / results[0]!.seconds).toFixed(2)}x`,
          `${result.undisturbed} of ${result.undisturbed + result.disturbed}`,
        ]),
        targets: [
          target(results, 1, "the best PyTorch pipeline", 1.1),
          target(results, 2, "eager channels-last", 1.4),
        ],
        notes: [
          `${count} JPEGs, read from files and decoded anew in every run; models and workers stand before.`,
          "The best logit of every photograph agrees between all.",
        ],
        data: { results, settings, plan },
      };
    } finally {
      await Promise.all([model.release(), loader.end(), eager.end(), split.end()]);
    }
  },
};

function expectAgreement(ours: readonly number[], theirs: readonly number[]): void {
  const worst = Math.max(...ours.map((value, index) => Math.abs(value - theirs[index]!) / Math.abs(value)));
  if (ours.length !== theirs.length || !(worst < 1e-3)) {
    throw new Error(
      `The pipelines compute different things: the best logits differ by ${worst} of their size.`,
    );
  }
}

function target(results: readonly Result[], index: number, name: string, wanted: number): Target {
  const ratio = results[index]!.seconds / results[0]!.seconds;
  return {
    what: `images/s against ${name}`,
    wanted: `at least ${wanted}x`,
    measured: `${ratio.toFixed(2)}x`,
    met: ratio >= wanted,
  };
}
