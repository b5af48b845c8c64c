import * as z from "zod";
import { about, count, failureJson, leftOutJson, number, text } from "../output/json.ts";

const { image } = failureJson.shape;

const embeddedJson = z.strictObject({
  image,
  embedding: about(z.array(number), "the pooled features, of length 1 with --normalize l2"),
});

const featuredJson = z.strictObject({
  image,
  tap: about(text, "the feature map, with --tap"),
  dims: about(z.array(count), "its channels, height and width"),
  features: about(z.array(number), "its elements in that order, the last axis first"),
});

/** The keys of what `embed` says of an image; typed arrays become lists of numbers. */
export type EmbeddedKeys = keyof z.infer<typeof embeddedJson>;
export type FeaturedKeys = keyof z.infer<typeof featuredJson>;

/** A line of `embed --json`. */
export const embedJson = z.union([embeddedJson, featuredJson, failureJson, leftOutJson]);
