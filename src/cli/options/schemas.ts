import * as z from "zod";
import type { ZodType } from "zod";
import type { Tap } from "../../nn/index.ts";

/** A whole number within bounds. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): ZodType<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return z.string().transform((text, context) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    context.addIssue(`expected a whole number ${range}`);
    return z.NEVER;
  });
}

/** A text, or an option that stands without one. */
export const textOrFlag: ZodType<string | true> = z.union([z.string(), z.literal(true)]);

/** A share above 0 and at most 1. */
export const share: ZodType<number> = z.string().transform((text, context) => {
  const value = Number(text);
  if (text.trim() !== "" && value > 0 && value <= 1) return value;
  context.addIssue("expected a number above 0 and at most 1");
  return z.NEVER;
});

/** A probability, or a word that stands for one. */
export function probabilityOr<const Word extends string>(word: Word): ZodType<number | Word> {
  return z.string().transform((given, context) => {
    const value = Number(given);
    if (given === word) return word;
    if (given.trim() !== "" && value >= 0 && value <= 1) return value;
    context.addIssue(`expected a probability from 0 to 1, or ${word}`);
    return z.NEVER;
  });
}

/** One of a few words. */
export function oneOf<const Word extends string>(words: readonly Word[]): ZodType<Word> {
  return z.enum(words, { error: `expected one of ${words.join(", ")}` });
}

/** Any text, such as a path. */
export const text: ZodType<string> = z.string().min(1, "expected some text");

/** Where a Redis is, with what is needed to be let in. */
export const redisAddress: ZodType<string> = z
  .string()
  .refine(
    (address) =>
      URL.canParse(address) && /^rediss?:$/.test(new URL(address).protocol) && new URL(address).host !== "",
    "expected the address of a Redis, such as redis://host:6379 or rediss://user:password@host:6379",
  );

/** What something in a queue is called. */
export const queueName: ZodType<string> = z
  .string()
  .regex(/^[a-z\d][\w.-]{0,99}$/i, "expected a name of letters, digits and ., _ or - between them");

/** A flag that is off unless given. */
export const flag: ZodType<boolean> = z.boolean().default(false);

/** Whole numbers within bounds, with commas between. */
export function integers(min: number, max: number): ZodType<readonly number[]> {
  const one = integer(min, max);
  return z.string().transform((list, context) => {
    const parsed = list.split(",").map((part) => one.safeParse(part.trim()));
    if (parsed.every(({ success }) => success)) return parsed.map(({ data }) => data!);
    context.addIssue(`expected whole numbers from ${min} to ${max}, with commas between`);
    return z.NEVER;
  });
}

/** A number for each of three channels, or one for all, of at least `min`. */
export function channels(min: number): ZodType<readonly [number, number, number]> {
  return z.string().transform((list, context) => {
    const values = list.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
    const [first = Number.NaN, second = first, third = first] = values;
    const isWhole = values.length === 1 || values.length === 3;
    if (isWhole && values.every((value) => value >= min && value <= 1000)) return [first, second, third];
    context.addIssue(`expected one number or three of at least ${min}, with commas between`);
    return z.NEVER;
  });
}

/** The feature maps, as options name them. The list of `nn` would load graphs and their encoding. */
export const taps: readonly Tap[] = ["stem", "layer1", "layer2", "layer3", "layer4"];
