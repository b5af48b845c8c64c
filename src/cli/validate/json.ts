import * as z from "zod";
import {
  about,
  count,
  failureJson,
  figure,
  leftOutJson,
  number,
  rowsWithoutImage,
  text,
} from "../output/json.ts";

const accuracy = {
  top1: about(figure, "percent of the images whose best class is right; null when none was counted"),
  top5: about(figure, "percent of the images whose right class is among the five best"),
};

const sureness = {
  loss: about(figure, "mean cross-entropy in nats, of the logits as they come"),
  calibrationError: about(
    figure,
    "expected calibration error in percent: how far the share of right answers is from the probability of the best class, over 15 bins",
  ),
};

/** What `validate` measured, with the names of timm's result tables. */
const summaryJson = z.strictObject({
  model: about(text, "the model's name"),
  engine: about(text, "what ran it: onnxruntime or openvino"),
  ...accuracy,
  top1_err: about(figure, "100 - top1"),
  top5_err: about(figure, "100 - top5"),
  param_count: about(number, "parameters in millions"),
  img_size: about(count, "side of the square that the model sees, in pixels"),
  crop_pct: about(number, "share of the resized image that the crop keeps"),
  interpolation: about(text, "filter of the resize: bilinear or bicubic"),
  count: about(count, "images that were counted"),
  failed: about(count, "images that could not be read; they count as neither right nor wrong"),
  real: about(
    z.strictObject({ ...accuracy, count: about(count, "images that have ReaL labels") }).optional(),
    "the same by ReaL labels, with --real",
  ),
  ...sureness,
  scaled: about(
    z
      .strictObject({
        temperature: about(number, "what logits are divided by before the softmax"),
        loss: about(figure, "mean cross-entropy in nats"),
        calibrationError: about(figure, "expected calibration error in percent"),
      })
      .optional(),
    "the same at the temperature of the model's file, if it has one",
  ),
  fitted: about(
    z
      .strictObject({
        file: about(text, "the file that was written"),
        temperature: about(number, "what logits are divided by before the softmax"),
        unknownBelow: about(number, "probability, 0 to 1, below which an answer is better taken as unknown"),
        calibrationError: about(
          number,
          "expected calibration error in percent, of each image at a temperature that other images gave",
        ),
      })
      .optional(),
    "what was fitted to these images, with --fit-temperature",
  ),
  rowsWithoutImage,
  leftOut: leftOutJson.shape.leftOut.optional(),
  claims: about(
    z.array(
      z.strictObject({
        source: about(text, "who says so, of which images"),
        top1: about(number, "in percent"),
        top5: about(number, "in percent"),
      }),
    ),
    "what is published for the model on such data",
  ),
  perClass: about(
    z
      .array(
        z.strictObject({
          index: about(count, "the class: its place in the model's outputs, from 0"),
          label: about(text, "its name"),
          support: about(count, "images of the class"),
          predicted: about(count, "images that were taken for it"),
          recall: about(figure, "share of its images that were recognised"),
          precision: about(figure, "share of the images taken for it that are of it; null without any"),
          f1: about(figure, "harmonic mean of both"),
        }),
      )
      .optional(),
    "each class that has images, the worst recall first, with --per-class",
  ),
});

export type SummaryJson = z.infer<typeof summaryJson>;

/** A line of `validate --json`: images that failed as they come, the summary last. */
export const validateJson = z.union([summaryJson, failureJson]);
