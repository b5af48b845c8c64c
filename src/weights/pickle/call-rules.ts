import { globals } from "./globals.ts";
import type { OpcodeRules, PickleMachine } from "./machine.ts";
import { opcodes as op } from "./opcodes.ts";
import { refuseGlobal } from "./refuse-global.ts";
import { PickleDict, PickleGlobal, PickleTuple, typeName } from "./values.ts";

function pushGlobal({ stack, refuse }: PickleMachine, module: string, name: string): void {
  const full = `${module}.${name}`;
  const known = globals.get(full);
  if (known !== undefined) {
    stack.push(known);
    return;
  }
  const { code, message } = refuseGlobal(full);
  throw refuse(code, message);
}

function stackGlobal(machine: PickleMachine): void {
  const name = machine.stack.pop();
  const module = machine.stack.pop();
  if (typeof name !== "string" || typeof module !== "string") {
    throw machine.refuse("invalid-pickle", `a global is named by two strings, not ${typeName(module)}.`);
  }
  pushGlobal(machine, module, name);
}

function call(machine: PickleMachine): void {
  const args = machine.stack.pop();
  const callee = machine.stack.pop();
  if (!(callee instanceof PickleGlobal) || callee.call === undefined || !(args instanceof PickleTuple)) {
    const message = `${typeName(callee)} cannot be called with ${typeName(args)}.`;
    throw machine.refuse("invalid-pickle", message);
  }
  machine.stack.push(callee.call(args.items, machine));
}

/** state_dict() hangs version numbers on its OrderedDict; nothing here needs them. */
function build({ stack, refuse }: PickleMachine): void {
  const state = stack.pop();
  if (stack.top() instanceof PickleDict && state instanceof PickleDict) return;
  throw refuse("invalid-pickle", `${typeName(stack.top())} takes no state.`);
}

function persistent(machine: PickleMachine): void {
  const { stack, persistentLoad, refuse } = machine;
  if (persistentLoad === undefined) throw refuse("invalid-pickle", "a persistent id where none can stand.");
  stack.push(persistentLoad(stack.pop(), machine));
}

/** Opcodes that name something or call it: only what `globals.ts` lists can be named. */
export const callRules: OpcodeRules = {
  [op.GLOBAL]: (machine) => pushGlobal(machine, machine.cursor.line(), machine.cursor.line()),
  [op.STACK_GLOBAL]: stackGlobal,
  [op.INST]: (machine) => {
    pushGlobal(machine, machine.cursor.line(), machine.cursor.line());
    throw machine.refuse("invalid-pickle", "opcode INST, which PyTorch does not write, is not read.");
  },
  [op.REDUCE]: call,
  [op.NEWOBJ]: call,
  [op.BUILD]: build,
  [op.BINPERSID]: persistent,
};
