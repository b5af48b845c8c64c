import { GraphError } from "../core/index.ts";
import {
  formatShape,
  kindOf,
  type Application,
  type Attribute,
  type AttributeKind,
  type Attributes,
  type Node,
  type OpSpec,
  type Value,
} from "./value.ts";

type Inputs = readonly (Value | undefined)[];

/** Applies an op: checks arity and attributes, infers the outputs' types, and makes the node. */
export function apply<A>(op: OpSpec<A>, inputs: Inputs, attributes?: NoInfer<A>): readonly Value[];
export function apply(op: OpSpec, inputs: Inputs, attributes: Attributes = {}): readonly Value[] {
  const where = currentScope();
  const given = withoutUndefined(attributes);
  const outputs: Value[] = [];
  const node: Node = { op, inputs: withoutTrailing(inputs), attributes: given, scope: where, outputs };
  checkArity(node);
  checkAttributes(node);
  for (const [index, type] of op.infer(application(node)).entries()) {
    outputs.push({ ...type, source: { kind: "node", node, index } });
  }
  return outputs;
}

/** Applies an op that has a single output. */
export function apply1<A>(op: OpSpec<A>, inputs: Inputs, attributes?: NoInfer<A>): Value;
export function apply1(op: OpSpec, inputs: Inputs, attributes: Attributes = {}): Value {
  const [output] = apply(op, inputs, attributes);
  return output ?? fail(op, currentScope(), inputs, "has no output");
}

/** The view of a node that shape rules work on. */
export function application(node: Node): Application {
  const objection = (problem: string): never => fail(node.op, node.scope, node.inputs, problem);
  return {
    inputs: node.inputs,
    attributes: node.attributes,
    fail: objection,
    optional: (index) => node.inputs[index],
    input: (index) => node.inputs[index] ?? objection(`needs input ${index}, which is missing`),
  };
}

/** Checks the number of inputs against the op's arity. */
function checkArity({ op, inputs, scope: where }: Node): void {
  const [fewest, most] = op.arity;
  if (inputs.length < fewest || inputs.length > most) {
    const expected = fewest === most ? `${fewest}` : `${fewest} to ${most}`;
    fail(op, where, inputs, `takes ${expected} inputs, got ${inputs.length}`);
  }
}

function checkAttributes({ op, attributes, inputs, scope: where }: Node): void {
  for (const [name, value] of Object.entries(attributes)) {
    const kind = op.attributes[name];
    if (kind === undefined) {
      const known = Object.keys(op.attributes).join(", ") || "none";
      fail(op, where, inputs, `has no attribute "${name}" (known: ${known})`);
    }
    const wanted = kindOf(kind);
    if (!fitsKind[wanted](value)) {
      fail(op, where, inputs, `attribute "${name}" must be ${wanted}, got ${JSON.stringify(value)}`);
    }
  }
  for (const [name, kind] of Object.entries(op.attributes)) {
    if (kind === kindOf(kind) && !(name in attributes)) {
      fail(op, where, inputs, `needs the attribute "${name}" (${kind})`);
    }
  }
}

const fitsKind: Readonly<Record<AttributeKind, (value: Attribute) => boolean>> = {
  string: (value) => typeof value === "string",
  float: (value) => typeof value === "number",
  int: (value) => Number.isSafeInteger(value),
  floats: (value) => Array.isArray(value),
  ints: (value) => Array.isArray(value) && value.every((item) => Number.isSafeInteger(item)),
};

function fail(op: OpSpec, where: string, inputs: Inputs, problem: string): never {
  const name = where === "" ? op.type : `${op.type} ${where}`;
  const types = inputs.map((value) => (value ? `${value.dtype}${formatShape(value.shape)}` : "-")).join(", ");
  throw new GraphError("graph/invalid-op", `${name}: ${problem}. Inputs: ${types === "" ? "none" : types}.`);
}

/** Callers without types may spell out what they leave out. */
function withoutUndefined(attributes: Readonly<Record<string, Attribute | undefined>>): Attributes {
  const given = Object.entries(attributes).filter((entry) => entry[1] !== undefined);
  return Object.fromEntries(given) as Attributes;
}

function withoutTrailing(inputs: Inputs): Inputs {
  let length = inputs.length;
  while (length > 0 && inputs[length - 1] === undefined) length--;
  return inputs.slice(0, length);
}

let path: readonly string[] = [];

/**
 * Names the module whose nodes `body` makes: scopes nest to dotted paths such as `layer1.0.conv2`.
 * Graphs are built synchronously, so the path is a plain stack.
 */
export function scope<T>(name: string, body: () => T): T {
  return within([...path, name], body);
}

/** Makes nodes on behalf of a module that was left already, given its whole dotted path. */
export function atScope<T>(dotted: string, body: () => T): T {
  return within(dotted === "" ? [] : dotted.split("."), body);
}

function within<T>(inner: readonly string[], body: () => T): T {
  const outer = path;
  path = inner;
  try {
    return body();
  } finally {
    path = outer;
  }
}

/** Dotted path of the module under construction; empty at the top. */
export function currentScope(): string {
  return path.join(".");
}
