import type { OpcodeRules } from "./machine.ts";
import { opcodes as op } from "./opcodes.ts";

/** Opcodes that push one plain value. */
export const scalarRules: OpcodeRules = {
  [op.NONE]: ({ stack }) => stack.push(null),
  [op.NEWTRUE]: ({ stack }) => stack.push(true),
  [op.NEWFALSE]: ({ stack }) => stack.push(false),

  [op.BININT]: ({ stack, cursor }) => stack.push(cursor.int32()),
  [op.BININT1]: ({ stack, cursor }) => stack.push(cursor.uint8()),
  [op.BININT2]: ({ stack, cursor }) => stack.push(cursor.uint16()),
  [op.LONG1]: ({ stack, cursor }) => stack.push(cursor.long(cursor.uint8())),
  [op.LONG4]: ({ stack, cursor }) => stack.push(cursor.long(cursor.uint32())),
  [op.BINFLOAT]: ({ stack, cursor }) => stack.push(cursor.float64()),

  [op.SHORT_BINSTRING]: ({ stack, cursor }) => stack.push(cursor.string(cursor.uint8())),
  [op.BINSTRING]: ({ stack, cursor }) => stack.push(cursor.string(cursor.uint32())),
  [op.SHORT_BINUNICODE]: ({ stack, cursor }) => stack.push(cursor.string(cursor.uint8())),
  [op.BINUNICODE]: ({ stack, cursor }) => stack.push(cursor.string(cursor.uint32())),
  [op.BINUNICODE8]: ({ stack, cursor }) => stack.push(cursor.string(cursor.uint64())),

  [op.SHORT_BINBYTES]: ({ stack, cursor }) => stack.push(cursor.bytes(cursor.uint8())),
  [op.BINBYTES]: ({ stack, cursor }) => stack.push(cursor.bytes(cursor.uint32())),
  [op.BINBYTES8]: ({ stack, cursor }) => stack.push(cursor.bytes(cursor.uint64())),
  [op.BYTEARRAY8]: ({ stack, cursor }) => stack.push(cursor.bytes(cursor.uint64())),
};
