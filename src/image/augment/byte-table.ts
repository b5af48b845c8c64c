/** A byte for each byte. */
export type ByteTable = Uint8Array;

export const tableOf = (value: (byte: number) => number): ByteTable =>
  Uint8Array.from({ length: 256 }, (_, byte) => value(byte));

export const identityTable: ByteTable = tableOf((byte) => byte);

/** Looks every byte up. */
export function applyTable(source: Uint8Array, table: ByteTable): Uint8Array {
  const data = new Uint8Array(source.length);
  for (let i = 0; i < source.length; i++) data[i] = table[source[i]!]!;
  return data;
}
