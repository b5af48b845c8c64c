import { createModel, openImages } from "ssl-resnext";
import type { Benchmark } from "../benchmark.ts";
import { photoFolder, photosOf } from "../fixtures/photos.ts";
import { weightFiles } from "../fixtures/weights.ts";
import { alternate, type Result } from "../measure/alternate.ts";
import { classifyFolder } from "../measure/classify-folder.ts";
import type { Target } from "../report.ts";
import {
  describeSetting,
  namedSettings,
  openPeerPipeline,
  settingNames,
  type PeerSetting,
} from "./pipeline-settings.ts";
import { bestSettings } from "./sweep.ts";

/** A folder of photographs to their predictions. */
export const pipeline: Benchmark = {
  name: "pipeline",
  summary: "a folder of photographs to predictions, against pipelines in Python at their best",
  async run(options) {
    const count = options.quick ? 48 : 300;
    const weights = weightFiles();
    const folder = photoFolder(photosOf(options.photos), count);
    const files = photosOf(folder);
    const { versions, loader, eager, split } = await bestSettings(options);
    const peers = namedSettings({ loader, eager, split });
    const images = await openImages([folder]);
    const model = await createModel("resnext50_32x4d", { weights: weights.pth });
    const pipelines = await Promise.all(
      peers.map(([, setting]) => openPeerPipeline(setting, weights, files)),
    );
    try {
      const { plan } = await model.opened(["logits"], images.size);
      const { best } = await classifyFolder(model, images);
      for (const [index, peer] of pipelines.entries()) {
        expectAgreement(best, (await peer.run()).best, peers[index]![1]);
      }
      const results = await alternate(
        [
          { name: "ssl-resnext", run: async () => (await classifyFolder(model, images)).seconds },
          ...peers.map(([name], index) => ({
            name,
            run: async () => (await pipelines[index]!.run()).seconds,
          })),
        ],
        // All are warm: their answers were compared.
        { rounds: options.quick ? 1 : 3, warmup: 0 },
      );
      const settingOf = [
        `${plan.workers} workers, ${plan.threadsPerWorker} threads each, batch ${plan.batchSize}`,
        ...peers.map(([, setting]) => describeSetting(setting)),
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
        targets: [target(results, settingNames.loader, 1.1), target(results, settingNames.eager, 1.4)],
        notes: [
          `${count} JPEGs, read from files and decoded anew in every run; models and workers stand before. float32. Peers: ${versions}.`,
          "The best logit of every photograph agrees between all.",
        ],
        data: { results, settings: { loader, eager, split }, plan },
      };
    } finally {
      await Promise.all([model.release(), ...pipelines.map((peer) => peer.end())]);
    }
  },
};

/** Another decoder and rounding of the resized bytes than Pillow's move logits more than arithmetic does. */
function expectAgreement(ours: readonly number[], theirs: readonly number[], { decoder }: PeerSetting): void {
  const worst = Math.max(...ours.map((value, index) => Math.abs(value - theirs[index]!) / Math.abs(value)));
  if (ours.length !== theirs.length || !(worst < (decoder === "pillow" ? 1e-3 : 0.1))) {
    throw new Error(
      `The pipelines compute different things: the best logits differ by ${worst} of their size.`,
    );
  }
}

function target(results: readonly Result[], name: string, wanted: number): Target {
  const ratio = results.find((result) => result.name === name)!.seconds / results[0]!.seconds;
  return {
    what: `images/s against ${name}`,
    wanted: `at least ${wanted}x`,
    measured: `${ratio.toFixed(2)}x`,
    met: ratio >= wanted,
  };
}
