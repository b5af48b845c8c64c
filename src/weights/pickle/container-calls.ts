import type { CallContext, PickleCall } from "./call.ts";
import { PickleDict, PickleSet, PickleTuple, typeName, type PickleValue } from "./values.ts";

function itemsOf(
  value: PickleValue | undefined,
  context: CallContext,
  callee: string,
): readonly PickleValue[] {
  const items = value === undefined ? [] : value instanceof PickleTuple ? value.items : value;
  if (!Array.isArray(items)) {
    throw context.refuse("invalid-pickle", `${callee} takes a list or tuple, not ${typeName(value)}.`);
  }
  context.spend(items.length);
  return items as readonly PickleValue[];
}

const orderedDict: PickleCall = ([pairs], context) => {
  const dict = new PickleDict();
  for (const pair of itemsOf(pairs, context, "OrderedDict")) {
    const items = pair instanceof PickleTuple ? pair.items : pair;
    if (!Array.isArray(items) || items.length !== 2) {
      throw context.refuse("invalid-pickle", `OrderedDict takes key and value pairs, not ${typeName(pair)}.`);
    }
    dict.entries.set(items[0] as PickleValue, items[1] as PickleValue);
  }
  return dict;
};

const set: PickleCall = ([items], context) => {
  const value = new PickleSet();
  for (const item of itemsOf(items, context, "set")) value.items.add(item);
  return value;
};

/** How Python 3 writes bytes in protocol 2: as a str of code points below 256. */
const encode: PickleCall = ([text, encoding], context) => {
  if (typeof text !== "string" || encoding !== "latin1") {
    throw context.refuse("invalid-pickle", "_codecs.encode is read for latin1 strings only.");
  }
  context.spend(text.length);
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
};

const size: PickleCall = ([items], context) => new PickleTuple(itemsOf(items, context, "torch.Size"));

/** Where a tensor lived when it was saved; of no consequence here. */
const device: PickleCall = (args) => new PickleTuple(args);

/** Plain containers that Python writes as calls. */
export const containerCalls: Readonly<Record<string, PickleCall>> = {
  "collections.OrderedDict": orderedDict,
  "builtins.set": set,
  "builtins.frozenset": set,
  "__builtin__.set": set,
  "__builtin__.frozenset": set,
  "_codecs.encode": encode,
  "torch.Size": size,
  "torch.device": device,
};
