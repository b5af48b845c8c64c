/** What the writer can pickle; `op` holds raw opcodes. */
export type Writable =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Writable[]
  | { readonly op: readonly (number | Uint8Array)[] }
  | { readonly dict: readonly (readonly [Writable, Writable])[] }
  | { readonly tuple: readonly Writable[] }
  | { readonly global: readonly [module: string, name: string] }
  | { readonly call: Writable; readonly args: readonly Writable[] }
  | { readonly persistentId: readonly Writable[] };

/** Writes a pickle of protocol 2, as plainly as can be: no memo, every container marked. */
export function pickle(value: Writable): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [0x80, 2];
  write(value, bytes);
  bytes.push(0x2e);
  return Uint8Array.from(bytes);
}

function text(value: string): number[] {
  return [...new TextEncoder().encode(value)];
}

function littleEndian(value: number, width: number): number[] {
  return Array.from({ length: width }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 0xff);
}

function write(value: Writable, bytes: number[]): void {
  if (value === null) bytes.push(0x4e);
  else if (typeof value === "boolean") bytes.push(value ? 0x88 : 0x89);
  else if (typeof value === "number" && Number.isInteger(value)) writeLong(BigInt(value), bytes);
  else if (typeof value === "number") {
    const double = new DataView(new ArrayBuffer(8));
    double.setFloat64(0, value);
    bytes.push(0x47, ...new Uint8Array(double.buffer));
  } else if (typeof value === "bigint") writeLong(value, bytes);
  else if (typeof value === "string") {
    const encoded = text(value);
    bytes.push(0x58, ...littleEndian(encoded.length, 4), ...encoded);
  } else if (Array.isArray(value)) {
    bytes.push(0x28);
    for (const item of value as readonly Writable[]) write(item, bytes);
    bytes.push(0x6c);
  } else writeObject(value, bytes);
}

function writeLong(value: bigint, bytes: number[]): void {
  const width = Math.ceil((value.toString(2).length + 1) / 8);
  const unsigned = BigInt.asUintN(width * 8, value);
  bytes.push(0x8a, width);
  for (let i = 0; i < width; i++) bytes.push(Number((unsigned >> BigInt(8 * i)) & 0xffn));
}

function writeObject(value: Extract<Writable, object>, bytes: number[]): void {
  if ("op" in value) {
    for (const part of value.op) bytes.push(...(typeof part === "number" ? [part] : part));
  } else if ("dict" in value) {
    bytes.push(0x7d, 0x28);
    for (const [key, item] of value.dict) {
      write(key, bytes);
      write(item, bytes);
    }
    bytes.push(0x75);
  } else if ("tuple" in value) {
    bytes.push(0x28);
    for (const item of value.tuple) write(item, bytes);
    bytes.push(0x74);
  } else if ("global" in value) bytes.push(0x63, ...text(`${value.global[0]}\n${value.global[1]}\n`));
  else if ("call" in value) {
    write(value.call, bytes);
    write({ tuple: value.args }, bytes);
    bytes.push(0x52);
  } else if ("persistentId" in value) {
    write({ tuple: value.persistentId }, bytes);
    bytes.push(0x51);
  }
}
