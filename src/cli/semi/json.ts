import * as z from "zod";
import { about, count, figure, number, text } from "../output/json.ts";
import { problemsJson, trainJson } from "../train/json.ts";

const type = <const Name extends string>(name: Name, meaning: string): z.ZodLiteral<Name> =>
  about(z.literal(name), meaning);

const stage = about(text, "the stage: its folder below that of the run");
const kind = about(
  text,
  "what it does: weak, teach, score, select, pretrain, finetune, supervised, adapt, fit, none-class, joint, alone, tune, tune-alone, measure, choose",
);
const planned = {
  stage,
  kind,
  status: about(z.enum(["done", "to resume", "to redo", "to do"]), "what stands of it"),
  changes: about(z.array(text).readonly(), "what has changed since its files were made"),
  seconds: about(number.optional(), "about how long it takes, where that was found out"),
};
const hashes = z.record(z.string(), z.string()).readonly();

/** A line of `semi … --json`: what happens, in order. */
export const semiJson = z.discriminatedUnion("type", [
  z.strictObject({
    type: type("waiting", "another process works in the folder"),
    folder: about(text, "the folder"),
  }),
  z.strictObject({
    type: type("shards", "some more shards of unlabelled images were hashed"),
    done: about(count, "shards so far"),
    total: about(count, "all shards"),
    shardsPerSecond: about(number, "shards a second"),
  }),
  z.strictObject({
    type: type("timing", "a few steps of a training are about to be timed, unless that was done before"),
    training: about(z.enum(["adapt", "tune"]), "adapting the network, or training it as a whole"),
  }),
  z.strictObject({
    type: type("planned", "what is to be done"),
    choices: about(
      z
        .array(
          z.strictObject({
            variant: about(text.optional(), "the variant; left out for the settings as they are"),
            method: about(z.enum(["adapt", "labels", "joint", "paper"]), "how it comes to its model"),
            mode: about(
              z.enum(["head", "full"]).optional(),
              "what the labels train; left out in method paper",
            ),
            because: about(text, "why"),
            adaptSeconds: about(
              number.optional(),
              "about how long adapting takes, where it is still to be done",
            ),
            tuneSeconds: about(
              number.optional(),
              "about how long training the whole network takes, with labels alone and otherwise, where auto chose that",
            ),
          }),
        )
        .readonly(),
      "how the settings, and each variant, come to a model",
    ),
    stages: about(z.array(z.strictObject(planned)).readonly(), "the stages in their order"),
    notes: about(
      z.array(z.strictObject({ stage, message: about(text, "what it will do otherwise") })).readonly(),
      "what stages will do otherwise than their recipes say",
    ),
  }),
  problemsJson,
  z.strictObject({ type: type("stage-started", "a stage begins"), ...planned }),
  z.strictObject({
    type: type("images", "some more images were looked at"),
    stage,
    what: about(z.enum(["scored", "hashed"]), "what was done with them"),
    done: about(count, "images so far"),
    total: about(count.optional(), "all images, where it is known"),
    imagesPerSecond: about(number, "images a second"),
  }),
  z.strictObject({
    type: type("training", "something happened in a training"),
    stage,
    event: about(trainJson, "a line of `train --json`"),
  }),
  z.strictObject({
    type: type("warning", "something that you should know; the run goes on"),
    stage,
    message: about(text, "what it is"),
  }),
  z.strictObject({
    type: type("part-finished", "the shards of a part are scored (`--part`)"),
    stage,
    part: about(
      z
        .strictObject({ index: about(count, "from 1"), count: about(count, "how many parts there are") })
        .readonly(),
      "which part",
    ),
    counts: about(z.record(z.string(), number).readonly(), "its shards, images and broken images"),
    stood: about(count, "score files that stood before"),
  }),
  z.strictObject({
    type: type("queue-filled", "the shards are in a queue (`--queue`)"),
    name: about(text, "what the run is called there"),
    shards: about(count, "all shards"),
    stood: about(z.boolean(), "whether an earlier process had filled it"),
  }),
  z.strictObject({
    type: type("queue", "how far the workers are, every second"),
    done: about(count, "shards that are scored or failed"),
    total: about(count, "all shards"),
    failed: about(count, "shards that failed"),
    workers: about(count, "workers that are there"),
    images: about(count, "images so far, about"),
    imagesPerSecond: about(number, "images a second, over the last minute"),
    secondsLeft: about(number.optional(), "about how long it takes, once that is known"),
  }),
  z.strictObject({
    type: type("shard-failed", "a shard was tried three times, and is left out"),
    shard: about(text, "its score file"),
    reason: about(text, "why the last try failed"),
  }),
  z.strictObject({
    type: type("queue-finished", "all shards of the queue are scored or failed"),
    name: about(text, "what the run is called there"),
    counts: about(
      z.record(z.string(), number).readonly(),
      "shards, images and broken images that were scored",
    ),
    stood: about(count, "score files that stood before"),
    failed: about(count, "shards that failed"),
  }),
  z.strictObject({
    type: type("stage-finished", "a stage is complete"),
    stage,
    kind,
    skipped: about(z.boolean(), "whether its files stood already"),
    manifest: about(
      z
        .strictObject({
          format: about(z.literal(1), "version of this form"),
          stage: kind,
          status: about(z.enum(["running", "done"]), "running until all files of the stage stand"),
          software: about(text, "the version that made it"),
          settings: about(
            z.record(z.string(), z.unknown()).readonly(),
            "the settings that decided what came out",
          ),
          inputs: about(hashes, "SHA-256 of everything that was read, by name"),
          outputs: about(hashes, "SHA-256 of what later stages read, by file"),
          counts: about(z.record(z.string(), number).readonly(), "numbers of what came out, by name"),
          seconds: about(number, "time that it took, all processes together"),
        })
        .readonly(),
      "what it was made from, and what came of it: the stage's `manifest.json`",
    ),
  }),
  z.strictObject({
    type: type("report", "the page that shows the run stands"),
    path: about(text, "its path"),
    images: about(count.optional(), "images that the models were measured on, where there are any"),
    arms: about(
      z
        .array(
          z
            .strictObject({
              kind: about(
                text,
                "which model: supervised, teacher, pretrained, finetuned, labels, tuned, labels-alone, tuned-alone, other",
              ),
              name: about(text.optional(), "its name, where its kind does not say it"),
              summary: about(text.optional(), "what is particular to it"),
              runs: about(
                z
                  .array(
                    z
                      .strictObject({
                        seed: about(count, "the seed"),
                        top1: about(figure, "percent right"),
                        top5: about(figure, "percent among the five best; null where it was not measured"),
                        imagesProcessed: about(number.optional(), "training images processed for it"),
                        seconds: about(number.optional(), "time of that training"),
                      })
                      .readonly(),
                  )
                  .readonly(),
                "one for each seed",
              ),
            })
            .readonly(),
        )
        .readonly(),
      "the models that were trained, and how good they are",
    ),
  }),
  z.strictObject({
    type: type("best", "the model that the run ends with stands; the last line"),
    path: about(text, "its path"),
    stage: about(text, "the stage whose model it is"),
    isVetoed: about(z.boolean(), "whether cross-validation sent back the model of the labels alone"),
    what: about(text, "what the model is"),
    verdict: about(
      z
        .strictObject({
          outcome: about(
            z.enum(["gain", "no gain", "loss", "cannot tell", "labels alone better", "not used"]),
            "what the unlabelled images brought",
          ),
          headline: about(text, "the same with both accuracies and the interval of their difference"),
          uncertainty: about(text, "what it was measured on, and how sure it is"),
          help: about(z.array(text).readonly(), "what would help, the likeliest first"),
          isVetoed: about(z.boolean(), "as above"),
        })
        .readonly(),
      "what the unlabelled images brought",
    ),
  }),
  z.strictObject({ type: type("stopped", "the run was stopped, and what stands is kept"), stage }),
]);

export type SemiJson = z.infer<typeof semiJson>;
