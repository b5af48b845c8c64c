import { bytesPerElement, elementCount, viewAs } from "../../core/index.ts";
import type { ByteSource, DType, StateDict, TensorSource } from "../../core/index.ts";
import type { Checkpoint } from "../checkpoint.ts";
import { readRange, refuse } from "../refuse.ts";
import { dtypesByName, headerEntry, headerMetadata, metadataKey } from "./header.ts";

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
