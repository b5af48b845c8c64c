import type { OpcodeRules, PickleMachine } from "./machine.ts";
import { opcodes as op } from "./opcodes.ts";

function recall({ stack, memo, refuse }: PickleMachine, index: number): void {
  const value = memo.get(index);
  if (value === undefined) throw refuse("invalid-pickle", `memo ${index} was never stored.`);
  stack.push(value);
}

function protocol({ cursor, refuse }: PickleMachine): void {
  const version = cursor.uint8();
  if (version < 2 || version > 5) {
    throw refuse("invalid-pickle", `protocol ${version}; protocols 2 to 5 are read.`);
  }
}

/** Opcodes that move values between stack and memo, and the framing. */
export const stackRules: OpcodeRules = {
  [op.PROTO]: protocol,
  // A hint for readers of streams; the bytes are here already.
  [op.FRAME]: ({ cursor }) => void cursor.uint64(),

  [op.MARK]: ({ stack }) => stack.mark(),
  [op.POP]: ({ stack }) => stack.discard(),
  [op.POP_MARK]: ({ stack }) => void stack.popMark(),
  [op.DUP]: ({ stack }) => stack.push(stack.top()),

  [op.BINPUT]: ({ stack, memo, cursor }) => void memo.set(cursor.uint8(), stack.top()),
  [op.LONG_BINPUT]: ({ stack, memo, cursor }) => void memo.set(cursor.uint32(), stack.top()),
  [op.MEMOIZE]: ({ stack, memo }) => void memo.set(memo.size, stack.top()),
  [op.BINGET]: (machine) => recall(machine, machine.cursor.uint8()),
  [op.LONG_BINGET]: (machine) => recall(machine, machine.cursor.uint32()),
};
