/** A value of a result: what JSON holds, and numbers in typed arrays. */
export type ResultValue =
  | string
  | number
  | boolean
  | null
  | undefined
  | Float32Array
  | readonly ResultValue[]
  | { readonly [key: string]: ResultValue };

/** One line of results; the keys are the columns. */
export type ResultRow = Readonly<Record<string, ResultValue>>;

/** A column by its key; with `length`, one that holds vectors of so many numbers. */
export type ResultColumn = string | { readonly name: string; readonly length: number };
