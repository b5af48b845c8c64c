import * as z from "zod";
import { engines, floatPrecisions } from "../../runtime/engine.ts";
import { about, count, failureJson, number, text } from "../output/json.ts";

/** A line of `suggest --json`: an image to label, or one that cannot be read. */
export const suggestJson = z.union([
  z.strictObject({
    image: about(text, "the image: its path or address, inside an archive after that of the archive"),
    file: about(text, "its name in the folder of suggestions"),
    classes: about(
      z
        .array(
          z.strictObject({
            name: about(text, "its name"),
            probability: about(number, "its probability, 0 to 1, if the image shows one of the classes"),
          }),
        )
        .readonly(),
      "the best classes, at most five, best first",
    ),
    margin: about(number, "by how much the first probability is above the second"),
    belongs: about(number, "probability, 0 to 1, that the image shows one of the classes"),
    group: about(count, "its group of images that look alike, from 0"),
    engine: about(z.enum(engines).optional(), "what embedded the images, unless it is onnxruntime in fp32"),
    precision: about(z.enum(floatPrecisions).optional(), "what its floats were multiplied in, likewise"),
  }),
  failureJson,
]);

export type SuggestJson = z.infer<typeof suggestJson>;
