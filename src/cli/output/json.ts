import * as z from "zod";

/** A value of JSON output with what it means: docs/json.md shows both. */
export const about = <Schema extends z.ZodType>(schema: Schema, meaning: string): Schema =>
  schema.describe(meaning);

export const text: z.ZodString = z.string();
export const number: z.ZodNumber = z.number();
export const count: z.ZodInt = z.int();
/** A number that may be missing: JSON has null for one that is not defined. */
export const figure: z.ZodNullable<z.ZodNumber> = z.number().nullable();

/** Why something failed. */
export const errorJson = about(
  z.strictObject({
    code: about(text, "stable, such as `image/truncated`"),
    message: about(text, "what is wrong, and what to do"),
  }),
  "why it failed",
);

/** Files of kinds that are not read. */
const leftOut = about(
  z
    .array(
      z
        .strictObject({
          ending: about(text, "what their names end in, such as `.heic`"),
          files: about(count, "how many they are"),
          first: about(text, "the first of them"),
        })
        .readonly(),
    )
    .readonly(),
  "files that are no images that are read here, by kind",
);

/** Rows of a table of labels that have no image. */
export const rowsWithoutImage = about(
  z
    .strictObject({
      count: about(count, "how many they are"),
      examples: about(z.array(text).readonly(), "the first of them"),
    })
    .readonly()
    .optional(),
  "rows of the table of labels whose image is not there, with --labels-file",
);

/** The last line of a run over images, where files were left out. */
export const leftOutJson = z.strictObject({ leftOut });

/** Problems of images, a line for each kind. */
export const problems = z
  .array(
    z
      .strictObject({
        kind: about(
          text,
          "a kind of finding, or single, imbalance, missing-class, no-label, orientation, left-out",
        ),
        count: about(count, "images, or classes, that it concerns"),
        text: about(text, "the same in a sentence"),
      })
      .readonly(),
  )
  .readonly();

/** An image that failed. */
export const failureJson = z.strictObject({
  image: about(text, "the image: its path or address, inside an archive after that of the archive"),
  error: errorJson,
});

export type FailureJson = z.infer<typeof failureJson>;
