import * as z from "zod/mini";
import { expectation, ImageError, problemLines } from "../core/index.ts";

const channels = z.readonly(z.tuple([z.number(), z.number(), z.number()]));

const schema = z.readonly(
  z.strictObject({
    inputSize: z.int().check(z.minimum(1), z.maximum(4096)),
    cropPct: z.number().check(z.minimum(0.05), z.maximum(20)),
    interpolation: z.enum(["bilinear", "bicubic"]),
    mean: channels,
    std: channels.check(z.refine((std) => std.every((value) => value > 0), "must be above 0")),
    exifOrientation: z.optional(z.boolean()),
  }),
);

/** How an image becomes a model's input, in the terms of timm's configurations; checkpoints carry it. */
export interface Preprocessing {
  /** Side of the square input, in pixels. */
  readonly inputSize: number;
  /** The short side is resized to floor(inputSize / cropPct) before the centre crop. */
  readonly cropPct: number;
  /** Pillow's filter of the resize. */
  readonly interpolation: "bilinear" | "bicubic";
  /** Mean of red, green and blue, on the scale 0 to 1. */
  readonly mean: readonly [number, number, number];
  /** Standard deviation of red, green and blue, on the scale 0 to 1. */
  readonly std: readonly [number, number, number];
  /**
   * Whether the image is turned first as its EXIF orientation says, as `PIL.ImageOps.exif_transpose` does. timm ignores it,
   * and so do the released models; those that are trained here turn images unless they are told not to.
   *
   * @default false
   */
  readonly exifOrientation?: boolean | undefined;
}

/** What the SSL and SWSL models were trained and evaluated with. */
export const imagenetPreprocessing: Preprocessing = {
  inputSize: 224,
  cropPct: 0.875,
  interpolation: "bilinear",
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/**
 * Checks a preprocessing that comes from outside, such as a checkpoint's metadata.
 *
 * @throws ImageError `image/preprocessing` that names every field that is missing, unknown or out of range.
 */
export function parsePreprocessing(value: unknown): Preprocessing {
  const result = schema.safeParse(value, { error: expectation });
  if (result.success) return changePreprocessing(result.data, {});
  throw new ImageError(
    "image/preprocessing",
    `The preprocessing is not usable; correct these fields:\n${problemLines(result.error, value)}`,
    { cause: result.error },
  );
}

/** A preprocessing with other values here and there. */
export function changePreprocessing(known: Preprocessing, changes: Partial<Preprocessing>): Preprocessing {
  const { exifOrientation, ...others } = { ...known, ...changes };
  // Left out where it is off, as in files of earlier versions: what is hashed of both is the same.
  return exifOrientation ? { ...others, exifOrientation } : others;
}
