import type { OpcodeRules, PickleMachine } from "./machine.ts";
import { opcodes as op } from "./opcodes.ts";
import { PickleDict, PickleSet, PickleTuple, typeName, type PickleValue } from "./values.ts";

function append({ stack, refuse }: PickleMachine, items: readonly PickleValue[]): void {
  const list = stack.top();
  if (!Array.isArray(list)) throw refuse("invalid-pickle", `cannot append to ${typeName(list)}.`);
  for (const item of items) list.push(item);
}

function setItems({ refuse }: PickleMachine, dict: PickleValue, items: readonly PickleValue[]): void {
  if (!(dict instanceof PickleDict) || items.length % 2 !== 0) {
    throw refuse("invalid-pickle", `cannot set ${items.length} keys and values of ${typeName(dict)}.`);
  }
  for (let i = 0; i < items.length; i += 2) dict.entries.set(items[i]!, items[i + 1]!);
}

function addItems({ refuse }: PickleMachine, set: PickleValue, items: readonly PickleValue[]): void {
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
export const containerRules: OpcodeRules = {
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
