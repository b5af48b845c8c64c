import type { Storage } from "../../core/storage/index.ts";

/** The name of something below a folder, in a store where names are taken as they are. */
export const joinNames = (folder: string, ...names: readonly string[]): string =>
  [folder.replace(/\/+$/, ""), ...names].join("/");

/** A storage that is loaded when it is first used; a program that names none of its files does without. */
export function lazyStorage(load: () => Promise<Storage>): Storage {
  let loaded: Promise<Storage> | undefined;
  const storage = (): Promise<Storage> => (loaded ??= load());
  return {
    stat: async (uri) => (await storage()).stat(uri),
    async *list(uri, options) {
      yield* (await storage()).list(uri, options);
    },
    open: async (uri, options) => (await storage()).open(uri, options),
    async *stream(uri, options) {
      yield* (await storage()).stream(uri, options);
    },
    // What is wrong is said when the file is opened.
    prepare: (uri, options) =>
      void storage().then(
        (found) => found.prepare?.(uri, options),
        () => undefined,
      ),
    create: async (uri) => (await storage()).create(uri),
    grow: async (uri) => (await storage()).grow(uri),
    makeFolder: async (uri) => (await storage()).makeFolder(uri),
    move: async (from, to) => (await storage()).move(from, to),
    remove: async (uri) => (await storage()).remove(uri),
    lock: async (uri, options) => (await storage()).lock(uri, options),
    join: joinNames,
    resolve: (uri) => uri,
    path: () => undefined,
  };
}
