import * as z from "zod";
import { actions, findingKinds, type FindingKind } from "../../check/findings.ts";
import { engines, floatPrecisions } from "../../runtime/engine.ts";
import { imageSets } from "../../data/index.ts";
import { about, count, number, problems, text } from "../output/json.ts";

const set = about(z.enum(imageSets), "the set of the image");
const image = about(text, "the image: its path, inside an archive after that of the archive");
const label = about(text.optional(), "its class, where it has one");

/** A line of `check --json`: findings about single images, the summary last. */
export const checkJson = z.discriminatedUnion("type", [
  z.strictObject({
    type: about(z.literal("finding"), "something is wrong with an image, or may be"),
    kind: about(z.enum(Object.keys(findingKinds) as [FindingKind, ...FindingKind[]]), "what it is"),
    set,
    image,
    label,
    other: about(
      z.strictObject({ set, image, label }).readonly().optional(),
      "the image that it is a copy of",
    ),
    found: about(text, "what was found"),
    score: about(number.optional(), "what the findings of a kind are sorted by"),
    action: about(z.enum(actions), "what is suggested"),
    to: about(text.optional(), "the class to relabel it to, or the set to move it to"),
  }),
  z.strictObject({
    type: about(z.literal("finished"), "the check is complete"),
    report: about(text, "path of the page"),
    fixes: about(text, "path of the list of fixes"),
    sets: about(
      z.array(z.strictObject({ set, images: about(count, "its images") }).readonly()).readonly(),
      "the sets that were checked",
    ),
    classes: about(
      z
        .array(
          z
            .strictObject({
              name: about(text, "the class"),
              labelled: about(count, "its labelled images"),
              validation: about(count, "its validation images"),
              test: about(count, "its test images"),
            })
            .readonly(),
        )
        .readonly(),
      "the classes, the largest first",
    ),
    findings: about(count, "findings about single images: rows of the list of fixes"),
    engine: about(z.enum(engines).optional(), "what embedded the images, with a model"),
    precision: about(z.enum(floatPrecisions).optional(), "what its floats were multiplied in"),
    problems: about(problems, "a line for each kind of problem; empty where nothing was found"),
    seconds: about(number, "time of the check"),
  }),
  z.strictObject({
    type: about(z.literal("applied"), "a cleaned copy stands, with --apply"),
    folder: about(text, "its path"),
    written: about(count, "images in it"),
    removed: about(count, "images that were left out"),
    relabelled: about(count, "images that are in another class"),
    moved: about(count, "images that are in another set"),
    withoutLabel: about(count, "labelled images that have no label, and were left out"),
  }),
]);

export type CheckJson = z.infer<typeof checkJson>;
