import type { z } from "zod";

/** What a value that is given by name accepts, with its default, and what it means. */
export interface Field<T, Group extends string> {
  readonly schema: z.ZodType<T>;
  /** One line for help texts and tables. */
  readonly about: string;
  /** What stands for the value in a help text: `<images>`. */
  readonly value: string;
  readonly group: Group;
}

/** Makes fields of a group. */
export const fieldOf =
  <Group extends string>(group: Group) =>
  <T>(schema: z.ZodType<T>, value: string, about: string): Field<T, Group> => ({
    schema,
    value,
    about,
    group,
  });
