import type { WeightsError } from "../../core/index.ts";
import { refuse as refuseFile } from "../checkpoint.ts";
import { globals, unknownGlobal } from "./globals.ts";
import {
  ByteCursor,
  opcodes as op,
  PickleStack,
  type OpcodeRules,
  type PersistentLoad,
  type PickleMachine,
} from "./machine.ts";
import {
  PickleDict,
  PickleGlobal,
  PickleObject,
  PickleSet,
  PickleTuple,
  typeName,
  type PickleValue,
} from "./values.ts";

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
const stackRules: OpcodeRules = {
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

/** Opcodes that push one plain value. */
const scalarRules: OpcodeRules = {
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

function append({ stack, refuse }: PickleMachine, items: readonly PickleValue[]): void {
  const list = stack.top();
  if (list instanceof PickleObject) return;
  if (!Array.isArray(list)) throw refuse("invalid-pickle", `cannot append to ${typeName(list)}.`);
  for (const item of items) list.push(item);
}

function setItems({ refuse }: PickleMachine, dict: PickleValue, items: readonly PickleValue[]): void {
  if (dict instanceof PickleObject && items.length % 2 === 0) return;
  if (!(dict instanceof PickleDict) || items.length % 2 !== 0) {
    throw refuse("invalid-pickle", `cannot set ${items.length} keys and values of ${typeName(dict)}.`);
  }
  for (let i = 0; i < items.length; i += 2) dict.entries.set(items[i]!, items[i + 1]!);
}

function addItems({ refuse }: PickleMachine, set: PickleValue, items: readonly PickleValue[]): void {
  if (set instanceof PickleObject) return;
  if (!(set instanceof PickleSet)) throw refuse("invalid-pickle", `cannot add to ${typeName(set)}.`);
  for (const item of items) set.items.add(item);
}

const tupleOf =
  (length: number) =>
  ({ stack }: PickleMachine): void => {
    const items = Array.from({ length }, () => stack.pop());
    stack.push(new PickleTuple(items.reverse()));
  };

/** Opcodes that make and fill lists, tuples, dicts and sets. */
const containerRules: OpcodeRules = {
  [op.EMPTY_LIST]: ({ stack }) => stack.push([]),
  [op.LIST]: ({ stack }) => stack.push(stack.popMark()),
  [op.APPEND]: (machine) => append(machine, [machine.stack.pop()]),
  [op.APPENDS]: (machine) => append(machine, machine.stack.popMark()),

  [op.EMPTY_TUPLE]: tupleOf(0),
  [op.TUPLE1]: tupleOf(1),
  [op.TUPLE2]: tupleOf(2),
  [op.TUPLE3]: tupleOf(3),
  [op.TUPLE]: ({ stack }) => stack.push(new PickleTuple(stack.popMark())),

  [op.EMPTY_DICT]: ({ stack }) => stack.push(new PickleDict()),
  [op.DICT]: (machine) => {
    const dict = new PickleDict();
    setItems(machine, dict, machine.stack.popMark());
    machine.stack.push(dict);
  },
  [op.SETITEM]: (machine) => {
    const value = machine.stack.pop();
    const key = machine.stack.pop();
    setItems(machine, machine.stack.top(), [key, value]);
  },
  [op.SETITEMS]: (machine) => {
    const items = machine.stack.popMark();
    setItems(machine, machine.stack.top(), items);
  },

  [op.EMPTY_SET]: ({ stack }) => stack.push(new PickleSet()),
  [op.FROZENSET]: (machine) => {
    const set = new PickleSet();
    addItems(machine, set, machine.stack.popMark());
    machine.stack.push(set);
  },
  [op.ADDITEMS]: (machine) => {
    const items = machine.stack.popMark();
    addItems(machine, machine.stack.top(), items);
  },
};

function pushGlobal(machine: PickleMachine, module: string, name: string): void {
  const { stack, unknown, spend, refuse } = machine;
  if (module.length + name.length > longestName)
    throw refuse("invalid-pickle", `a name of ${module.length + name.length} characters.`);
  const full = `${module}.${name}`;
  spend(full.length);
  const known = globals.get(full);
  if (!known && unknown.size < mostUnknown) unknown.add(full);
  stack.push(known ?? unknownGlobal(full));
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
  if (callee instanceof PickleObject && args instanceof PickleTuple) {
    machine.stack.push(new PickleObject(callee.name));
    return;
  }
  if (!(callee instanceof PickleGlobal) || callee.call === undefined || !(args instanceof PickleTuple)) {
    const message = `${typeName(callee)} cannot be called with ${typeName(args)}.`;
    throw machine.refuse("invalid-pickle", message);
  }
  machine.stack.push(callee.call(args.items, machine));
}

/** As REDUCE, with keyword arguments, which nothing here needs. */
function callWithKeywords(machine: PickleMachine): void {
  machine.stack.pop();
  call(machine);
}

/** state_dict() hangs version numbers on its OrderedDict; nothing here needs them. */
function build({ stack, refuse }: PickleMachine): void {
  const state = stack.pop();
  const built = stack.top();
  if (built instanceof PickleObject) {
    built.state = state;
    return;
  }
  if (stack.top() instanceof PickleDict && state instanceof PickleDict) return;
  throw refuse("invalid-pickle", `${typeName(stack.top())} takes no state.`);
}

function persistent(machine: PickleMachine): void {
  const { stack, persistentLoad, refuse } = machine;
  if (persistentLoad === undefined) throw refuse("invalid-pickle", "a persistent id where none can stand.");
  stack.push(persistentLoad(stack.pop(), machine));
}

/** Opcodes that name something or call it: what `globals.ts` does not list makes objects that only know its name. */
const callRules: OpcodeRules = {
  [op.GLOBAL]: (machine) => pushGlobal(machine, machine.cursor.line(), machine.cursor.line()),
  [op.STACK_GLOBAL]: stackGlobal,
  [op.INST]: (machine) => {
    pushGlobal(machine, machine.cursor.line(), machine.cursor.line());
    throw machine.refuse("invalid-pickle", "opcode INST, which PyTorch does not write, is not read.");
  },
  [op.REDUCE]: call,
  [op.NEWOBJ]: call,
  [op.NEWOBJ_EX]: callWithKeywords,
  [op.BUILD]: build,
  [op.BINPERSID]: persistent,
};

/** Opcodes and copied items of one pickle; a state dict of 10,000 tensors takes about 300,000. */
const budget = 4_000_000;

/** Names outside `globals.ts` that are noted. */
const mostUnknown = 100;

/** Characters of a name. */
const longestName = 1000;

const rules: OpcodeRules = { ...stackRules, ...scalarRules, ...containerRules, ...callRules };

/** What a pickle held, and the offset behind its STOP. */
interface PickleResult {
  readonly value: PickleValue;
  readonly end: number;
  /** Names outside `globals.ts`, in order of appearance: what was made of them are `PickleObject`s. */
  readonly unknown: ReadonlySet<string>;
}

/**
 * Reads one pickle of protocol 2 to 5 that starts at `start`, building plain containers and tensor descriptions
 * only.
 *
 * @param file what errors call the file
 * @throws WeightsError `weights/truncated` when the bytes end first, `weights/invalid-pickle`, `weights/pickle-too-large`
 */
export function readPickle(
  file: string,
  bytes: Uint8Array,
  start: number,
  persistentLoad?: PersistentLoad,
): PickleResult {
  const refuse = (code: string, message: string): WeightsError =>
    refuseFile(file, code, `pickle offset ${cursor.position}: ${message}`);
  const cursor = new ByteCursor(bytes, start, refuse);
  const stack = new PickleStack(refuse);
  let spent = 0;
  const spend = (units: number): void => {
    spent += units;
    if (spent <= budget) return;
    const remedy = "Re-save only the weights: torch.save(model.state_dict(), path).";
    throw refuse("pickle-too-large", `more than ${budget} steps. ${remedy}`);
  };
  const machine: PickleMachine = {
    cursor,
    stack,
    memo: new Map(),
    unknown: new Set(),
    persistentLoad,
    spend,
    refuse,
  };

  for (;;) {
    spend(1);
    const opcode = cursor.uint8();
    if (opcode === op.STOP) {
      return { value: stack.pop(), end: cursor.position, unknown: machine.unknown };
    }
    const rule = rules[opcode];
    if (rule === undefined) {
      throw refuse("invalid-pickle", `opcode 0x${opcode.toString(16).padStart(2, "0")} is not read.`);
    }
    rule(machine);
  }
}
