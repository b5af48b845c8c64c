import { UsageError } from "../core/index.ts";
import { calibrateModel } from "../node/calibrate-model.ts";
import { openImages } from "../node/images/index.ts";
import type { ModelSource } from "../node/open-model.ts";
import { defaultCalibrationImages, type Calibration } from "../predict/index.ts";
import { imageProgress } from "./image-progress.ts";
import type { CalibrationOptions } from "./options/precision-options.ts";
import { plural } from "./output/numbers.ts";
import type { Terminal } from "./terminal.ts";

type Given = CalibrationOptions & { readonly precision: string | undefined };

/**
 * Measures the ranges that int8 needs, over the images that the command line names; `undefined` for other precisions.
 *
 * @throws UsageError `usage/no-calibration` for int8 without images, `usage/precision` for images without int8.
 */
export async function calibrationFor(
  source: () => Promise<ModelSource>,
  { precision, calibrate, calibrationImages, reduceRange }: Given,
  terminal: Terminal,
): Promise<Calibration | undefined> {
  const asked = [
    ...(calibrate === undefined ? [] : ["--calibrate"]),
    ...(calibrationImages === undefined ? [] : ["--calibration-images"]),
    ...(reduceRange ? ["--reduce-range"] : []),
  ];
  if (precision !== "int8") {
    if (asked.length === 0) return undefined;
    throw new UsageError("usage/precision", `${asked[0]} belongs to --precision int8.`);
  }
  if (calibrate === undefined) {
    throw new UsageError(
      "usage/no-calibration",
      "--precision int8 needs --calibrate DATA: a few hundred images of the kind that will be classified.",
    );
  }
  const { signal } = terminal;
  const images = await openImages([calibrate], { signal });
  const count = calibrationImages ?? defaultCalibrationImages;
  const progress = imageProgress(Math.min(images.size ?? count, count), terminal);
  terminal.status(() => terminal.noticeStyle.dim("measuring the ranges of activations …"));
  const calibration = await calibrateModel(await source(), images, {
    images: count,
    onProgress: (done) => progress(done, 0),
    signal,
  });
  terminal.clearStatus();
  if (calibration.failed > 0) {
    terminal.notice(`${plural(calibration.failed, "calibration image")} could not be read.`);
  }
  return calibration;
}
