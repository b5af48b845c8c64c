import { z, type ZodType } from "zod";
import type { Output } from "../../nn/index.ts";

const names: readonly string[] = [
  "logits",
  "embedding",
  "stem",
  "layer1",
  "layer2",
  "layer3",
  "layer4",
] satisfies Output[];

/** Outputs of a network, with commas between. */
export const outputsSchema: ZodType<readonly Output[] | undefined> = z
  .string()
  .transform((text, context) => {
    const chosen = text.split(",").map((name) => name.trim());
    if (chosen.every((name) => names.includes(name))) return [...new Set(chosen)] as Output[];
    context.addIssue(`expected names out of ${names.join(", ")}, with commas between`);
    return z.NEVER;
  })
  .optional();
