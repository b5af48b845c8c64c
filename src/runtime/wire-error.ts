import {
  DataError,
  GraphError,
  ImageError,
  ModelError,
  SessionError,
  SslResnextError,
  TrainingError,
  UsageError,
  WeightsError,
} from "../core/errors.ts";

/** An error as it crosses between threads: structured clone would drop its class and code. */
export interface WireError {
  readonly name: string;
  readonly code: string;
  readonly message: string;
}

const classes: Readonly<Record<string, typeof SslResnextError>> = {
  DataError,
  GraphError,
  ImageError,
  ModelError,
  SessionError,
  TrainingError,
  UsageError,
  WeightsError,
};

/** Describes an error for another thread; one without a code of its own becomes a SessionError with `code`. */
export function toWire(error: unknown, code: string): WireError {
  if (error instanceof SslResnextError) return { name: error.name, code: error.code, message: error.message };
  return { name: "SessionError", code, message: error instanceof Error ? error.message : String(error) };
}

/** Builds the error anew, with its class and code. */
export function fromWire({ name, code, message }: WireError): SslResnextError {
  return new (classes[name] ?? SslResnextError)(code, message);
}
