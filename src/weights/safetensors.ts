import * as z from "zod/mini";
import {
  bytesPerElement,
  elementCount,
  viewAs,
  WeightsError,
  type ByteSource,
  type DType,
  type StateDict,
  type TensorSource,
} from "../core/index.ts";
import { readRange, refuse, type Checkpoint } from "./checkpoint.ts";

/** The format allows 100 MB; a header of 10,000 tensors takes about 1 MB. */
const maximumHeaderBytes = 16 * 2 ** 20;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

interface PlacedTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * Opens a safetensors file: an eight-byte header length, a JSON header, then the tensors without gap or overlap.
 *
 * @throws WeightsError `weights/truncated`, `weights/invalid-safetensors`, `weights/unsupported-tensor`
 */
export async function openSafetensors(source: ByteSource): Promise<Checkpoint> {
  const invalid = (message: string, cause?: unknown): Error =>
    refuse(source.name, "invalid-safetensors", message, cause);
  const prefix = await readRange(source, 0, 8, "the header length");
  const length = Number(new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true));
  if (length > maximumHeaderBytes)
    throw invalid(`a header of ${length} bytes; ${maximumHeaderBytes} at most are read.`);

  const entries = Object.entries(parseHeader(await readRange(source, 8, length, "the header"), invalid));
  const placed: PlacedTensor[] = [];
  let metadata: Readonly<Record<string, string>> = {};
  for (const [name, value] of entries) {
    if (name === metadataKey) {
      const parsed = headerMetadata.safeParse(value);
      if (!parsed.success) throw invalid(`${metadataKey} should map strings to strings.`, parsed.error);
      metadata = parsed.data;
    } else {
      placed.push(placedTensor(source.name, name, value));
    }
  }
  const start = 8 + length;
  checkCoverage(placed, source.size - start, invalid);
  return { format: "safetensors", tensors: lazyTensors(source, start, placed), metadata };
}

function parseHeader(bytes: Uint8Array, invalid: (message: string, cause?: unknown) => Error): object {
  let header: unknown;
  try {
    header = JSON.parse(utf8.decode(bytes));
  } catch (cause) {
    throw invalid("the header is not JSON in UTF-8.", cause);
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
    throw invalid("the header should be a JSON object.");
  }
  return header;
}

function placedTensor(file: string, name: string, value: unknown): PlacedTensor {
  const parsed = headerEntry.safeParse(value);
  if (!parsed.success) {
    throw refuse(
      file,
      "invalid-safetensors",
      `tensor ${name} should have dtype, shape and data_offsets and nothing else.`,
      parsed.error,
    );
  }
  const { dtype: dtypeName, shape: dims, data_offsets: offsets } = parsed.data;
  const dtype = dtypesByName.get(dtypeName);
  if (dtype === undefined) {
    throw refuse(
      file,
      "unsupported-tensor",
      `tensor ${name} has dtype ${dtypeName}; ${[...dtypesByName.keys()].join(", ")} are read.`,
    );
  }
  const [begin, end] = offsets;
  if (end - begin !== elementCount(dims) * bytesPerElement(dtype)) {
    throw refuse(
      file,
      "invalid-safetensors",
      `tensor ${name}, ${dtypeName} [${dims.join(", ")}], does not fill its bytes ${begin}..${end}.`,
    );
  }
  return { name, dtype, dims, begin, end };
}

function checkCoverage(
  placed: readonly PlacedTensor[],
  size: number,
  invalid: (message: string) => Error,
): void {
  let position = 0;
  for (const { name, begin, end } of [...placed].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== position) {
      const flaw = begin < position ? "overlaps the one before it" : "leaves a gap before it";
      throw invalid(`tensor ${name} at bytes ${begin}..${end} ${flaw}, which ends at ${position}.`);
    }
    position = end;
  }
  if (position !== size) {
    throw invalid(`its tensors end at byte ${position} of ${size}: the file is damaged or was cut short.`);
  }
}

function lazyTensors(source: ByteSource, start: number, placed: readonly PlacedTensor[]): StateDict {
  return new Map(
    placed.map(({ name, dtype, dims, begin, end }): [string, TensorSource] => [
      name,
      {
        dtype,
        dims,
        load: async () => {
          const bytes = await readRange(source, start + begin, end - begin, name);
          return { dtype, dims, data: viewAs(dtype, bytes) };
        },
      },
    ]),
  );
}

/** A safetensors file on its way out. */
export interface EncodedSafetensors {
  /** Length of the whole file in bytes. */
  readonly size: number;
  /** The file from start to end; tensors are loaded one at a time, anew for each iteration. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/**
 * Writes tensors as a safetensors file. The same tensors and metadata in the same order give the same bytes. The
 * header, padded with spaces to a multiple of 8, lists tensors in the given order; the data lies by falling width
 * of element, so that every tensor is aligned.
 *
 * @throws WeightsError `weights/invalid-name` for a tensor called `__metadata__`
 */
export function encodeSafetensors(
  tensors: StateDict,
  metadata: Readonly<Record<string, string>> = {},
): EncodedSafetensors {
  if (tensors.has(metadataKey)) {
    throw new WeightsError("weights/invalid-name", `safetensors: no tensor can be called ${metadataKey}.`);
  }
  const stored = [...tensors].sort(([, a], [, b]) => bytesPerElement(b.dtype) - bytesPerElement(a.dtype));
  const offsets = new Map<string, readonly [number, number]>();
  let end = 0;
  for (const [name, source] of stored) {
    const begin = end;
    end += byteCount(source);
    offsets.set(name, [begin, end]);
  }
  const entries = [...tensors].map(([name, { dtype, dims }]): [string, HeaderEntry] => [
    name,
    { dtype: dtypeNames[dtype], shape: dims, data_offsets: offsets.get(name)! },
  ]);
  const head = encodeHeader(entries, metadata);
  return {
    size: head.byteLength + end,
    chunks: { [Symbol.asyncIterator]: () => chunksOf(head, stored) },
  };
}

function byteCount({ dtype, dims }: TensorSource): number {
  return elementCount(dims) * bytesPerElement(dtype);
}

function encodeHeader(
  entries: readonly (readonly [string, HeaderEntry])[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const sorted = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  const header = Object.fromEntries([
    ...(sorted.length > 0 ? [[metadataKey, Object.fromEntries(sorted)] as const] : []),
    ...entries,
  ]);
  const json = new TextEncoder().encode(JSON.stringify(header));
  const length = Math.ceil(json.byteLength / 8) * 8;
  const head = new Uint8Array(8 + length).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(json, 8);
  return head;
}

async function* chunksOf(
  head: Uint8Array,
  stored: readonly (readonly [string, TensorSource])[],
): AsyncGenerator<Uint8Array> {
  yield head;
  for (const [name, source] of stored) {
    const { data } = await source.load();
    if (data.byteLength !== byteCount(source)) {
      throw new WeightsError(
        "weights/invalid-tensor",
        `safetensors: ${name} of shape [${source.dims.join(", ")}] loaded ${data.byteLength} bytes, ` +
          `expected ${byteCount(source)}.`,
      );
    }
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}

/** The format's names of the dtypes that are read and written. */
const dtypeNames: Readonly<Record<DType, string>> = {
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

const dtypesByName: ReadonlyMap<string, DType> = new Map(
  Object.entries(dtypeNames).map(([dtype, name]) => [name, dtype as DType]),
);

/** Entry of the header that holds free strings in place of a tensor. */
const metadataKey = "__metadata__";

const count = z.int().check(z.nonnegative());

/** One tensor of the header; offsets in bytes from the end of the header. */
const headerEntry: z.ZodMiniType<HeaderEntry> = z.strictObject({
  dtype: z.string(),
  shape: z.array(count).check(z.maxLength(64)),
  data_offsets: z.tuple([count, count]),
});

interface HeaderEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

const headerMetadata: z.ZodMiniType<Readonly<Record<string, string>>> = z.record(z.string(), z.string());
