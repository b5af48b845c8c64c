import { DataError, SessionError, UsageError } from "../../core/index.ts";
import { openImages, type ImageItem, type ImageSource } from "../../data/index.ts";
import type { ActivationRange, ActivationRanges, RangeGraph } from "../../graph/index.ts";
import { calibrationGraph, type Quantisation } from "../../nn/index.ts";
import type { ImagePipeline } from "../../runtime/index.ts";
import type { ModelPlatform, ModelSource } from "../open-model.ts";
import { openGraphPipeline, type ExecutionOptions } from "../pipeline/image-pipeline.ts";

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
   * @default true in a file, which may go anywhere; in a model that is computed here, where this processor needs it
   */
  readonly reduceRange?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Measures the ranges of a model's activations, in float32 on the CPU: once, for any number of exports and models, on either engine.
 *
 * @throws DataError `data/no-images`, `data/too-few-images`; SessionError `runtime/not-finite`.
 */
export async function calibrateModel(
  platform: ModelPlatform,
  source: ModelSource,
  images: CalibrationImages,
  options: CalibrateOptions & Pick<ExecutionOptions, "engine" | "decode"> = {},
): Promise<Calibration> {
  const { config, preprocessing } = source.description;
  const found = isSource(images)
    ? images
    : await openImages(platform, [images].flat(), { readLabels: false });
  const { engine, decode, signal } = options;
  let readers: RangeGraph["readers"] = [];
  const { pipeline } = await openGraphPipeline(
    platform,
    source,
    { engine, decode },
    {
      graph: (weights) => {
        const ranges = calibrationGraph(config, weights, preprocessing);
        ({ readers } = ranges);
        return ranges.graph;
      },
      timed: { as: "with ranges", feeds: {} },
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
  { calibration, reduceRange = true, engine, signal }: Int8Options & Pick<ExecutionOptions, "engine">,
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
      : await calibrateModel(platform, source, calibration, { engine, signal });
  const doubt = known.doubt === undefined ? "" : `, all of them ${known.doubt}`;
  return {
    ranges: known.ranges,
    reduceRange,
    origin: `int8, ${filtersText(reduceRange)}, ranges over ${known.images} images${doubt}`,
  };
}

/** How a quantisation names the size of its filters. */
export const filtersText = (reduceRange: boolean): string => `filters of ${reduceRange ? 7 : 8} bits`;

function isSource(images: CalibrationImages): images is ImageSource {
  return typeof images === "object" && Symbol.asyncIterator in images;
}

export interface CalibrateOptions {
  /**
   * How many images to look at: of a source whose size is known, evenly spread over all of it, else its first.
   *
   * @default 256
   */
  readonly images?: number | undefined;
  /** Called after every image. */
  readonly onProgress?: ((done: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The ranges that activations took, and over how many images. */
export interface Calibration {
  readonly ranges: ActivationRanges;
  readonly images: number;
  /** Images that could not be read; others were not taken for them. */
  readonly failed: number;
  /** What all images are, where ranges over such are likely to be wrong for others: the same picture over, or grey. */
  readonly doubt?: "alike" | "grey" | undefined;
}

type Images = AsyncIterable<ImageItem> & { readonly size?: number | undefined };

export const defaultCalibrationImages = 256;
/** Below this many, ranges are an accident of the images. */
const fewestCalibrationImages = 16;

/**
 * Measures the range of every activation over images: the least and the largest value seen.
 *
 * @param pipeline Runs the graph of `activationRangeGraph`; `readers` comes with that graph.
 * @throws DataError `data/too-few-images` when fewer than 16 can be read, SessionError `runtime/not-finite` when
 *   the model computes something that is no number.
 */
export async function calibrate(
  pipeline: ImagePipeline<ImageItem>,
  readers: RangeGraph["readers"],
  images: Images,
  { images: wanted = defaultCalibrationImages, onProgress, signal }: CalibrateOptions = {},
): Promise<Calibration> {
  const min = new Float32Array(readers.length).fill(Infinity);
  const max = new Float32Array(readers.length).fill(-Infinity);
  let first: readonly Float32Array[] | undefined;
  let isAlike = true;
  let isGrey = true;
  let count = 0;
  let failure: Error | undefined;
  let failed = 0;
  for await (const result of pipeline.run(spread(images, wanted), signal ? { signal } : {})) {
    if ("error" in result) {
      failure ??= result.error;
      failed++;
      continue;
    }
    const { min: least, max: most, colour } = result.outputs;
    const own = [least!.data, most!.data];
    first ??= own;
    isAlike &&= own.every((ends, side) => isNear(ends, first![side]!));
    isGrey &&= (colour?.data[0] ?? 1) < leastColour;
    widen(min, least!.data, Math.min);
    widen(max, most!.data, Math.max);
    count++;
    onProgress?.(count);
  }
  if (count < fewestCalibrationImages) throw tooFew(count, failed, failure);
  const doubt = isAlike ? "alike" : isGrey ? "grey" : undefined;
  return { ranges: rangesOf(readers, min, max), images: count, failed, ...(doubt ? { doubt } : {}) };
}

/** Compression leaves so much colour in a grey picture, on the scale 0 to 1. */
const leastColour = 0.03;

/** Whether two pictures take all activations as far: hardly any others do than the same one, however often it was saved. */
function isNear(one: Float32Array, other: Float32Array): boolean {
  return one.every((value, at) => Math.abs(value - other[at]!) <= 0.01 * Math.max(1, Math.abs(other[at]!)));
}

/** Every so-manieth image, so that a source ordered by class gives some of each. */
async function* spread(images: Images, wanted: number): AsyncGenerator<ImageItem> {
  const step = Math.max((images.size ?? 0) / wanted, 1);
  let index = 0;
  let taken = 0;
  for await (const item of images) {
    if (index++ !== Math.floor(taken * step)) continue;
    yield item;
    if (++taken === wanted) return;
  }
}

function widen(known: Float32Array, seen: Float32Array, pick: (a: number, b: number) => number): void {
  for (let i = 0; i < known.length; i++) known[i] = pick(known[i]!, seen[i]!);
}

function rangesOf(readers: RangeGraph["readers"], min: Float32Array, max: Float32Array): ActivationRanges {
  return new Map(
    readers.flatMap((names, index): [string, ActivationRange][] => {
      const range = { min: min[index]!, max: max[index]! };
      if (Number.isFinite(range.max - range.min)) return names.map((name) => [name, range]);
      throw new SessionError(
        "runtime/not-finite",
        `The input of ${names[0]} is not finite on these images, so it has no range to quantise; check the weights.`,
      );
    }),
  );
}

function tooFew(count: number, failed: number, cause: Error | undefined): DataError {
  const unread = cause ? ` ${failed} could not be read, the first because: ${cause.message}` : "";
  return new DataError(
    "data/too-few-images",
    `Calibration needs at least ${fewestCalibrationImages} images of the kind that will be classified, got ${count}.${unread}`,
    { cause },
  );
}
