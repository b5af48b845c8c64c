import * as z from "zod";
import { engines, floatPrecisions } from "../../runtime/engine.ts";
import {
  about,
  count,
  errorJson,
  figure,
  leftOutJson,
  number,
  problems,
  rowsWithoutImage,
  text,
} from "../output/json.ts";

const type = <const Name extends string>(name: Name, meaning: string): z.ZodLiteral<Name> =>
  about(z.literal(name), meaning);

const embedding = {
  images: about(count, "images"),
  cached: about(count, "those of them that were found in the cache"),
  engine: about(z.enum(engines), "what embeds them"),
  precision: about(z.enum(floatPrecisions), "what its floats are multiplied in"),
  seconds: about(number, "time that it took"),
};
const features = about(
  z.enum(["as they are", "half-whitened"]),
  "what the classifier sees of the embeddings",
);
const loss = about(number, "mean cross-entropy in nats");
const step = about(count, "steps of the optimiser so far");
const imagesProcessed = about(count, "training images processed so far");
const imagesPerSecond = about(number, "training images a second");
const learningRate = about(number, "of the last step");

const paths = z.array(text).readonly();

/** What a look at the images of a run shows that takes no time. */
export const problemsJson = z.strictObject({
  type: type("problems", "something is wrong with the images, as far as a look shows that takes no time"),
  problems: about(problems, "a line for each kind, the gravest first"),
  checked: about(
    z
      .strictObject({
        data: about(paths, "labelled images"),
        validation: about(paths.optional(), "validation images"),
        test: about(paths.optional(), "test images"),
        unlabelled: about(paths.optional(), "unlabelled images"),
        imageColumn: about(text.optional(), "column of a table"),
        labelColumn: about(text.optional(), "column of a table"),
        labelsFile: about(text.optional(), "table of labels"),
      })
      .readonly(),
    "what to give to `check`, which finds more",
  ),
});

/** A line of `train --json` and `adapt --json`: what happens, in order. */
export const trainJson = z.discriminatedUnion("type", [
  z.strictObject({
    type: type("mode-chosen", "mode `auto` has chosen what is trained"),
    mode: about(z.enum(["head", "full"]), "the classifier alone, or after it the whole network"),
    because: about(text, "why"),
  }),
  z.strictObject({
    type: type("splits", "the data come in parts of their own"),
    training: about(z.array(text).readonly(), "folders that are trained on"),
    validation: about(z.array(text).readonly(), "folders that are validated on"),
    unused: about(z.array(text).readonly(), "folders beside them that are neither"),
  }),
  z.strictObject({
    type: type("left-out", "files of kinds that are not read lie among the data"),
    ...leftOutJson.shape,
  }),
  problemsJson,
  z.strictObject({
    type: type("smaller-batch", "there are fewer images than a batch"),
    images: about(count, "images"),
    asked: about(count, "batch of the recipe"),
    batchSize: about(count, "batch that is taken"),
  }),
  z.strictObject({
    type: type("in-parts", "a batch does not fit into memory at once, and each step computes it in parts"),
    batchSize: about(count, "images of a step"),
    microBatch: about(count, "images that are computed at once"),
    wholeBytes: about(count, "about what the whole batch would need, in bytes"),
  }),
  z.strictObject({
    type: type("started", "the run is about to take its first step, or the first one after a resume"),
    model: about(text, "the network that it started from"),
    classes: about(z.array(text).readonly(), "names of the classes in the order of the outputs"),
    trainingImages: about(count, "training images"),
    validationImages: about(count.optional(), "validation images, where there are any and it is known"),
    rowsWithoutImage,
    parameters: about(count, "parameters of the network"),
    recipe: about(
      z.record(z.string(), z.unknown()).readonly(),
      "the values of the recipe that have an effect, by name: see docs/training.md",
    ),
    plan: about(
      z
        .strictObject({
          batchSize: about(count, "images of a step"),
          batchesPerEpoch: about(count, "steps of an epoch"),
          steps: about(count, "steps of the run"),
          epochs: about(count, "passes over the images, the last of which may end early"),
          stepsPerRow: about(count, "steps that a line of type step averages"),
        })
        .readonly()
        .optional(),
      "how long the run is; not in mode head, which has no steps",
    ),
    resumedAt: about(count, "steps that an earlier process took"),
  }),
  z.strictObject({
    type: type("step", "some steps were taken; the means over them"),
    step,
    epoch: about(count, "the epoch, from 1"),
    imagesProcessed,
    learningRate,
    loss,
    top1: about(number, "percent right, on augmented images"),
    imagesPerSecond,
  }),
  z.strictObject({
    type: type("epoch", "an epoch was completed and validated"),
    epoch: about(count, "the epoch, from 1"),
    imagesProcessed,
    trainLoss: loss,
    trainTop1: about(number, "percent right, on augmented images"),
    learningRate,
    valLoss: about(figure.optional(), "mean cross-entropy on the validation images, where there are any"),
    valTop1: about(figure.optional(), "percent of them whose best class is right"),
    valTop5: about(figure.optional(), "percent of them whose right class is among the five best"),
    valImages: about(count.optional(), "how many of them could be measured"),
    imagesPerSecond,
    peakMemoryBytes: about(number.optional(), "memory that the process took at most"),
    best: about(z.boolean(), "whether no epoch before it was as good"),
  }),
  z.strictObject({
    type: type("checkpoint", "a checkpoint stands on disk"),
    kind: about(z.enum(["last", "best", "epoch"]), "to go on from, the best weights, or those of an epoch"),
    path: about(text, "its path"),
    step,
  }),
  z.strictObject({
    type: type("skipped", "an image could not be read"),
    of: about(z.literal("validation").optional(), "that it is a validation image; left out for others"),
    id: about(text, "the image"),
    error: errorJson,
  }),
  z.strictObject({
    type: type("no-better", "the run ends before its plan does, by its patience"),
    epoch: about(count, "the last epoch"),
    epochs: about(count, "epochs that were planned"),
    best: about(count, "the best epoch"),
  }),
  z.strictObject({
    type: type("stopped", "the run was stopped, and what it needs to go on is saved"),
    step,
    path: about(text, "the checkpoint to go on from"),
  }),
  z.strictObject({ type: type("embedded", "mode head: the images were embedded"), ...embedding }),
  z.strictObject({
    type: type("unlabelled-embedded", "mode head: the unlabelled images were embedded"),
    ...embedding,
  }),
  z.strictObject({
    type: type("unlabelled-unused", "mode head: the unlabelled images change nothing"),
    reason: about(text, "why"),
    ...embedding,
  }),
  z.strictObject({
    type: type("tried", "mode head: a strength of the penalty was tried in cross-validation"),
    features,
    l2: about(number, "the strength"),
    loss,
    top1: about(number, "percent right, of images that the fits had not seen"),
    images: about(count, "how many they are"),
  }),
  z.strictObject({
    type: type("cross-validated", "mode head: how good the classifier is on images that it has not seen"),
    folds: about(count, "folds"),
    loss,
    top1: about(number, "percent whose best class is right"),
    top5: about(number, "percent whose right class is among the five best"),
    notJudged: about(count, "images that are the only one of their class"),
    images: about(count, "images that were judged; each stands in `cross-validation.jsonl`"),
  }),
  z.strictObject({
    type: type(
      "confidence",
      "how sure the model is of its answers was measured, and is written into its file",
    ),
    temperature: about(number, "what logits are divided by before the softmax"),
    unknownBelow: about(number, "probability, 0 to 1, below which an answer is better taken as unknown"),
    fittedTo: about(text, "the images that both were fitted to, in words"),
    calibrationError: about(
      z
        .strictObject({
          raw: about(number, "without the temperature"),
          scaled: about(number, "with one that other images gave"),
        })
        .readonly()
        .optional(),
      "expected calibration error in percent; left out where it was measured of the classifier that the training began with",
    ),
  }),
  z.strictObject({
    type: type("no-confidence", "nothing tells how sure the model is of its answers"),
    reason: about(text, "why"),
  }),
  z.strictObject({
    type: type("fitted", "mode head: the classifier stands"),
    features,
    l2: about(number, "the strength that was taken"),
    loss,
    top1: about(number, "percent right, of the images that it was fitted on"),
    iterations: about(count, "steps of the minimiser"),
    seconds: about(number, "time that trying and fitting took"),
  }),
  z.strictObject({
    type: type("finished", "the run is complete"),
    folder: about(text, "where everything stands"),
    best: about(
      z
        .strictObject({
          epoch: about(count, "the epoch of the best weights; 0 in mode head"),
          top1: about(figure, "percent right on the validation images; null without any"),
        })
        .readonly(),
      "the weights of `best.safetensors`",
    ),
    top1: about(figure.optional(), "percent of the validation images whose best class is right"),
    top5: about(figure.optional(), "percent of them whose right class is among the five best"),
    measuredImages: about(count.optional(), "validation images that this was measured on"),
    crossValidatedTop1: about(
      number.optional(),
      "mode head: percent right, of images that the fits had not seen",
    ),
  }),
]);

export type TrainJson = z.infer<typeof trainJson>;
