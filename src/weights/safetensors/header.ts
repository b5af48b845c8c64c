import { z } from "zod";
import type { DType } from "../../core/index.ts";

/** The format's names of the dtypes that are read and written. */
export const dtypeNames: Readonly<Record<DType, string>> = {
  float64: "F64",
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
};

export const dtypesByName: ReadonlyMap<string, DType> = new Map(
  Object.entries(dtypeNames).map(([dtype, name]) => [name, dtype as DType]),
);

/** Entry of the header that holds free strings in place of a tensor. */
export const metadataKey = "__metadata__";

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** One tensor of the header; offsets in bytes from the end of the header. */
export const headerEntry: z.ZodType<HeaderEntry> = z.strictObject({
  dtype: z.string(),
  shape: z.array(count).max(64),
  data_offsets: z.tuple([count, count]),
});

export interface HeaderEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

export const headerMetadata: z.ZodType<Readonly<Record<string, string>>> = z.record(z.string(), z.string());
