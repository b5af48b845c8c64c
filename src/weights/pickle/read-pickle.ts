import type { WeightsError } from "../../core/index.ts";
import { refuse } from "../checkpoint.ts";
import {
  ByteCursor,
  opcodes,
  PickleStack,
  type OpcodeRules,
  type PersistentLoad,
  type PickleMachine,
} from "./machine.ts";
import { callRules, containerRules, scalarRules, stackRules } from "./opcode-rules.ts";
import type { PickleValue } from "./values.ts";

/** Opcodes and copied items of one pickle; a state dict of 10,000 tensors takes about 300,000. */
const budget = 4_000_000;

const rules: OpcodeRules = { ...stackRules, ...scalarRules, ...containerRules, ...callRules };

/** What a pickle held, and the offset behind its STOP. */
export interface PickleResult {
  readonly value: PickleValue;
  readonly end: number;
}

/**
 * Reads one pickle of protocol 2 to 5 that starts at `start`, building plain containers and tensor descriptions
 * only.
 *
 * @param file what errors call the file
 * @throws WeightsError `weights/forbidden-global` for any name outside `globals.ts`, `weights/truncated` when the
 *   bytes end first, `weights/invalid-pickle`, `weights/pickle-too-large`
 */
export function readPickle(
  file: string,
  bytes: Uint8Array,
  start: number,
  persistentLoad?: PersistentLoad,
): PickleResult {
  const refuseHere = (code: string, message: string): WeightsError =>
    refuse(file, code, `pickle offset ${cursor.position}: ${message}`);
  const cursor = new ByteCursor(bytes, start, refuseHere);
  const stack = new PickleStack(refuseHere);
  let spent = 0;
  const spend = (units: number): void => {
    spent += units;
    if (spent <= budget) return;
    const remedy = "Re-save only the weights: torch.save(model.state_dict(), path).";
    throw refuseHere("pickle-too-large", `more than ${budget} steps. ${remedy}`);
  };
  const machine: PickleMachine = {
    cursor,
    stack,
    memo: new Map(),
    persistentLoad,
    spend,
    refuse: refuseHere,
  };

  for (;;) {
    spend(1);
    const opcode = cursor.uint8();
    if (opcode === opcodes.STOP) return { value: stack.pop(), end: cursor.position };
    const rule = rules[opcode];
    if (rule === undefined) {
      throw refuseHere("invalid-pickle", `opcode 0x${opcode.toString(16).padStart(2, "0")} is not read.`);
    }
    rule(machine);
  }
}
