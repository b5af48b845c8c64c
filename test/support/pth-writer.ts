import { Uint8ArrayWriter, Uint8ArrayReader, ZipWriter } from "@zip.js/zip.js";
import { elementCount, type DType, type Tensor } from "../../src/core/index.ts";
import { pickle, type Writable } from "./pickle-writer.ts";

const storageNames: Readonly<Record<DType, string>> = {
  float64: "DoubleStorage",
  float32: "FloatStorage",
  float16: "HalfStorage",
  bfloat16: "BFloat16Storage",
  int64: "LongStorage",
  int32: "IntStorage",
  int16: "ShortStorage",
  int8: "CharStorage",
  uint8: "ByteStorage",
  bool: "BoolStorage",
};

/** What stands around the state dict. */
export interface PthOptions {
  /** Puts the state dict into a larger object. */
  readonly wrap?: (stateDict: Writable) => Writable;
  readonly littleEndian?: boolean;
}

const bytesOf = ({ data }: Tensor): Uint8Array<ArrayBuffer> =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

function rowMajor(dims: readonly number[]): readonly number[] {
  return dims.map((_, axis) => elementCount(dims.slice(axis + 1)));
}

/** The call that rebuilds a tensor on storage `key`. */
export function tensorCall(
  key: string,
  dtype: DType,
  count: number,
  window: { readonly offset: number; readonly dims: readonly number[]; readonly strides: readonly number[] },
  legacy: boolean,
): Writable {
  const type = { global: ["torch", storageNames[dtype]] } as const;
  const id = ["storage", type, key, "cpu", count, ...(legacy ? [null] : [])];
  const hooks = { call: { global: ["collections", "OrderedDict"] }, args: [] } as const;
  const { offset, dims, strides } = window;
  return {
    call: { global: ["torch._utils", "_rebuild_tensor_v2"] },
    args: [{ persistentId: id }, offset, { tuple: dims }, { tuple: strides }, false, hooks],
  };
}

function stateDict(tensors: ReadonlyMap<string, Tensor>, legacy: boolean): Writable {
  return {
    dict: [...tensors].map(([name, { dtype, dims, data }], index) => [
      name,
      tensorCall(`${index}`, dtype, data.length, { offset: 0, dims, strides: rowMajor(dims) }, legacy),
    ]),
  };
}

/** A `.pth` as torch.save wrote it until 1.5. */
export function encodeLegacyPth(
  tensors: ReadonlyMap<string, Tensor>,
  { wrap = (value) => value, littleEndian = true }: PthOptions = {},
): Uint8Array<ArrayBuffer> {
  const keys = [...tensors.keys()].map((_, index) => `${index}`);
  return concatenate([
    pickle(0x1950a86a20f9469cfc6cn),
    pickle(1001),
    pickle({
      dict: [
        ["protocol_version", 1001],
        ["little_endian", littleEndian],
      ],
    }),
    pickle(wrap(stateDict(tensors, true))),
    pickle(keys),
    ...[...tensors.values()].flatMap((tensor) => [
      new Uint8Array(BigInt64Array.of(BigInt(tensor.data.length)).buffer),
      bytesOf(tensor),
    ]),
  ]);
}

/** A `.pth` as torch.save writes it since 1.6; `folder` is the name inside the archive, which is arbitrary. */
export async function encodeZipPth(
  tensors: ReadonlyMap<string, Tensor>,
  { wrap = (value) => value, littleEndian = true, folder = "archive" }: PthOptions & { folder?: string } = {},
): Promise<Uint8Array<ArrayBuffer>> {
  return encodeStoredZip([
    [`${folder}/data.pkl`, pickle(wrap(stateDict(tensors, false)))],
    [`${folder}/byteorder`, new TextEncoder().encode(littleEndian ? "little" : "big")],
    ...[...tensors.values()].map((tensor, index) => [`${folder}/data/${index}`, bytesOf(tensor)] as const),
    [`${folder}/version`, new TextEncoder().encode("3\n")],
  ]);
}

/** A zip of uncompressed entries (`level` 0) or compressed ones, the same bytes at every call. */
export async function encodeStoredZip(
  entries: readonly (readonly [name: string, bytes: Uint8Array])[],
  level = 0,
): Promise<Uint8Array<ArrayBuffer>> {
  const zip = new ZipWriter(new Uint8ArrayWriter(), {
    level,
    useWebWorkers: false,
    dataDescriptor: false,
    lastModDate: new Date(2020, 0, 1),
  });
  for (const [name, bytes] of entries) await zip.add(name, new Uint8ArrayReader(bytes));
  return new Uint8Array(await zip.close());
}

/** The parts one after the other. */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.byteLength;
  }
  return bytes;
}
