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
 * Checks that int8 and the images for it come together.
 *
 * @throws UsageError `usage/no-calibration` for int8 without images, `usage/precision` for images without int8.
 */
export function checkCalibration({
  precision,
  calibrate,
  calibrationImages,
  reduceRange,
}: Given): string | undefined {
  if (precision === "int8") {
    if (calibrate !== undefined) return calibrate;
    throw new UsageError(
      "usage/no-calibration",
      "--precision int8 needs --calibrate DATA: a few hundred images of the kind that will be classified.",
    );
  }
  const [given] = [
    ...(calibrate === undefined ? [] : ["--calibrate"]),
    ...(calibrationImages === undefined ? [] : ["--calibration-images"]),
    ...(reduceRange ? ["--reduce-range"] : []),
  ];
  if (given === undefined) return undefined;
  throw new UsageError("usage/precision", `${given} belongs to --precision int8.`);
}

/** Measures the ranges that int8 needs over the images named for it; gives nothing for other precisions. */
export async function calibrationFor(
  source: () => Promise<ModelSource>,
  options: Given,
  terminal: Terminal,
): Promise<Calibration | undefined> {
  const data = checkCalibration(options);
  if (data === undefined) return undefined;
  const { signal } = terminal;
  const images = await openImages([data], { signal });
  const count = options.calibrationImages ?? defaultCalibrationImages;
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
