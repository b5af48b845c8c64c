import type { ByteCursor } from "./byte-cursor.ts";
import type { CallContext } from "./call.ts";
import type { PickleStack } from "./pickle-stack.ts";
import type { PickleValue } from "./values.ts";

/** Turns a persistent id into what it stands for. */
export type PersistentLoad = (id: PickleValue, context: CallContext) => PickleValue;

/** What an opcode can see and change. */
export interface PickleMachine extends CallContext {
  readonly cursor: ByteCursor;
  readonly stack: PickleStack;
  readonly memo: Map<number, PickleValue>;
  readonly persistentLoad: PersistentLoad | undefined;
}

/** One column of the opcode table. */
export type OpcodeRules = Readonly<Record<number, (machine: PickleMachine) => void>>;
