import * as z from "zod";
import { about, count, failureJson, leftOutJson, number, text } from "../output/json.ts";

const named = {
  index: about(count, "the class: its place in the model's outputs, from 0"),
  label: about(text, "its name"),
  probability: about(
    number,
    "softmax probability, 0 to 1, at the temperature of the model's file unless --raw leaves it out",
  ),
};

/** What `classify` says of an image. */
const classifiedJson = z.strictObject({
  image: failureJson.shape.image,
  predictions: about(
    z.array(z.strictObject({ ...named, logit: about(number.optional(), "the logit, with --logits") })),
    "the best classes, best first",
  ),
  unknown: about(z.boolean().optional(), "whether the best class is less probable than --unknown-below"),
  explanation: about(
    z
      .strictObject({
        ...named,
        layer: about(text, "the feature map that explains it"),
        picture: about(text, "path of the PNG"),
      })
      .optional(),
    "the class that was explained, with --explain",
  ),
});

export type ClassifiedJson = z.infer<typeof classifiedJson>;

/** A line of `classify --json`. */
export const classifyJson = z.union([classifiedJson, failureJson, leftOutJson]);
