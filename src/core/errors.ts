/**
 * Base of every error this package throws on purpose.
 *
 * The message says what was expected, what came, where, and what to do; `code` is stable and meant for
 * programs; `cause` holds the error underneath, if there is one. The message tells the reason already, so the cause is behind
 * a getter: what Node prints of an error that nobody catches would go on for pages otherwise.
 */
export class SslResnextError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message);
    const cause = options?.cause;
    if (cause !== undefined) Object.defineProperty(this, "cause", { get: () => cause, configurable: true });
    this.code = code;
    this.name = new.target.name;
  }
}

/** A graph that breaks the rules of its ops: wrong shape, dtype, arity or attribute. */
export class GraphError extends SslResnextError {}

/** A model configuration or name that cannot be built. */
export class ModelError extends SslResnextError {}

/** A weights file that cannot be read, does not fit the model, or could not be downloaded. */
export class WeightsError extends SslResnextError {}

/** An image that cannot be decoded or transformed. */
export class ImageError extends SslResnextError {}

/** A file or folder that cannot be read or written, an archive or table of images that is not as it should be. */
export class DataError extends SslResnextError {}

/** A failure of the inference runtime: no such device, out of memory, a crashed worker. */
export class SessionError extends SslResnextError {}

/** A training that cannot go on: a loss that is no number, no memory, a checkpoint of another run. */
export class TrainingError extends SslResnextError {}

/** Processes that cannot work together: no MPI to do it by, or one of them is gone. */
export class ClusterError extends SslResnextError {}

/** Options or arguments that the caller has to correct. */
export class UsageError extends SslResnextError {}

/** Sorts names by how many letter pairs they share with what was asked for; of equals, the shorter is nearer. */
export function nearestNames(wanted: string, names: readonly string[]): readonly string[] {
  const pairs = (text: string): Set<string> =>
    new Set(Array.from({ length: text.length - 1 }, (_, i) => text.slice(i, i + 2)));
  const asked = pairs(wanted.toLowerCase());
  const shared = (name: string): number =>
    [...pairs(name.toLowerCase())].filter((pair) => asked.has(pair)).length;
  return names.toSorted((a, b) => shared(b) - shared(a) || a.length - b.length);
}
