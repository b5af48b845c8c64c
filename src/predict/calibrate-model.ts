import { UsageError } from "../core/index.ts";
import { openImages, type ImageSource } from "../data/index.ts";
import type { RangeGraph } from "../graph/index.ts";
import { activationRangeGraph, type Quantisation } from "../nn/index.ts";
import { calibrate, defaultCalibrationImages, type CalibrateOptions, type Calibration } from "./calibrate.ts";
import type { ModelSource } from "./open-model.ts";
import { openGraphPipeline, type ExecutionOptions } from "./pipeline/graph-pipeline.ts";
import type { ModelPlatform } from "./platform.ts";

/** Images as `openImages` takes or gives them. */
export type CalibrationImages = string | readonly string[] | ImageSource;

/** What 8-bit arithmetic has to know. */
export interface Int8Options {
  /**
   * A few hundred images of the kind that will be classified, labelled or not; or what `calibrateModel` made of
   * them. `int8` needs it.
   */
  readonly calibration?: CalibrationImages | Calibration | undefined;
  /**
   * Writes filters in 7 bits: for processors without VNNI instructions, where sums of 8-bit products saturate.
   *
   * @default false
   */
  readonly reduceRange?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Measures the ranges of a model's activations, in float32 on the CPU: once, for any number of exports and models.
 *
 * @throws DataError `data/no-images`, `data/too-few-images`; SessionError `runtime/not-finite`.
 */
export async function calibrateModel(
  platform: ModelPlatform,
  source: ModelSource,
  images: CalibrationImages,
  options: CalibrateOptions & Pick<ExecutionOptions, "decode"> = {},
): Promise<Calibration> {
  const { config, preprocessing } = source.description;
  const found = isSource(images) ? images : await openImages(platform, [images].flat());
  const { decode, signal } = options;
  let readers: RangeGraph["readers"] = [];
  const { pipeline } = await openGraphPipeline(
    platform,
    source,
    { decode },
    {
      graph: (weights) => {
        const ranges = activationRangeGraph(config, weights, preprocessing.inputSize);
        ({ readers } = ranges);
        return ranges.graph;
      },
      images: Math.min(found.size ?? Infinity, options.images ?? defaultCalibrationImages),
      signal,
    },
  );
  try {
    return await calibrate(pipeline, readers, found, options);
  } finally {
    await pipeline.release();
  }
}

/** A quantisation, and the sentence that says where it comes from. */
export interface KnownQuantisation extends Quantisation {
  readonly origin: string;
}

/**
 * Takes the ranges that are given, or measures them.
 *
 * @throws UsageError `usage/no-calibration` when neither ranges nor images are given.
 */
export async function quantisationOf(
  platform: ModelPlatform,
  source: ModelSource,
  { calibration, reduceRange = false, signal }: Int8Options,
): Promise<KnownQuantisation> {
  if (calibration === undefined) {
    throw new UsageError(
      "usage/no-calibration",
      "int8 needs the ranges of the activations: name a few hundred images of the kind that will be classified.",
    );
  }
  const known =
    typeof calibration === "object" && "ranges" in calibration
      ? calibration
      : await calibrateModel(platform, source, calibration, { signal });
  const bits = reduceRange ? "int8, filters of 7 bits" : "int8";
  return { ranges: known.ranges, reduceRange, origin: `${bits}, ranges over ${known.images} images` };
}

function isSource(images: CalibrationImages): images is ImageSource {
  return typeof images === "object" && Symbol.asyncIterator in images;
}
