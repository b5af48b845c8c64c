import type { OptionTable } from "./option.ts";
import { flag, integer, oneOf, text } from "./schemas.ts";

/** What 8-bit arithmetic is told about the model's activations. */
export interface CalibrationOptions {
  readonly calibrate: string | undefined;
  readonly calibrationImages: number | undefined;
  readonly reduceRange: boolean;
}

/** What a model computes in. */
export interface PrecisionOptions extends CalibrationOptions {
  readonly precision: "fp32" | "int8" | undefined;
}

const group = "Precision:";

export const calibrationOptions: OptionTable<CalibrationOptions> = {
  calibrate: {
    flags: "--calibrate <data>",
    about: "int8: images of the kind that will come, labelled or not; a folder, archive or glob",
    group,
    schema: text.optional(),
  },
  calibrationImages: {
    flags: "--calibration-images <count>",
    about: "int8: how many of them to look at (default: 256)",
    group,
    schema: integer(1).optional(),
  },
  reduceRange: {
    flags: "--reduce-range",
    about: "int8: filters of 7 bits, for CPUs without VNNI instructions",
    group,
    schema: flag,
  },
};

export const precisionOptions: OptionTable<PrecisionOptions> = {
  precision: {
    flags: "--precision <precision>",
    about: "fp32, or int8: more than twice as fast on the CPU and a little less exact; needs --calibrate",
    group,
    schema: oneOf(["fp32", "int8"]).optional(),
  },
  ...calibrationOptions,
};
