import type { WeightsError } from "../../core/index.ts";
import type { PickleValue } from "./values.ts";

/** What a call inside the pickle may use besides its arguments. */
export interface CallContext {
  /** Counts work that grows with the arguments against the pickle's budget. */
  readonly spend: (units: number) => void;
  /** An error that names the file and the position in the pickle. */
  readonly refuse: (code: string, message: string) => WeightsError;
}

/** Builds a value from the arguments of a REDUCE. */
export type PickleCall = (args: readonly PickleValue[], context: CallContext) => PickleValue;
