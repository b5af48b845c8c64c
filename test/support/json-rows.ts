import * as z from "zod";

/** As much of JSON Schema as there is in the outputs of the command line. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly const?: string | number;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly additionalProperties?: Schema | boolean;
}

/** The rows of a table that says what each key of an output holds and means, as Markdown has them. */
export function jsonRows(schema: z.ZodType): readonly string[] {
  const whole = z.toJSONSchema(schema, { reused: "inline" }) as Schema;
  const kinds = whole.anyOf ?? whole.oneOf ?? [whole];
  return [...new Set(kinds.flatMap(rowsOfKind))];
}

/** A kind that has a name is headed by it. */
function rowsOfKind(kind: Schema): readonly string[] {
  const type = kind.properties?.["type"];
  if (type?.const === undefined) return rowsOf(kind, "");
  return [row(`${type.const}`, "", type.description), ...rowsOf(kind, `${type.const}.`)];
}

function rowsOf({ properties = {}, required = [] }: Schema, path: string): readonly string[] {
  return Object.entries(properties).flatMap(([name, value]) => {
    if (name === "type" && value.const !== undefined) return [];
    const own = path + name;
    return [
      row(own, shown(value, required.includes(name)), value.description),
      ...(value.oneOf ? [] : rowsOf(value, `${own}.`)),
      ...(value.items ? rowsOf(value.items, `${own}[].`) : []),
    ];
  });
}

const row = (key: string, type: string, meaning = ""): string =>
  [`\`${key}\``, type, meaning].join(" | ").trim();

function shown(schema: Schema, isRequired: boolean): string {
  return typeOf(schema) + (isRequired ? "" : ", or left out");
}

function typeOf({ type, const: constant, enum: values, anyOf, items, oneOf }: Schema): string {
  if (constant !== undefined) return JSON.stringify(constant);
  if (values) return values.map((value) => JSON.stringify(value)).join(", ");
  if (anyOf) return anyOf.map(typeOf).join(" or ");
  if (type === "array" && items) return `list of ${typeOf(items)}s`;
  return oneOf ? "object" : [type ?? "anything"].flat().join(" or ");
}
