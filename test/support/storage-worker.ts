import { answerCallsOn, type Request } from "ssl-resnext/runtime";
import type { FileWriter, GrowingFile, OpenFile } from "ssl-resnext/storage";
import { opfsStorage } from "ssl-resnext/web";

/** What a page asks of the private files in this worker: see `storageInWorker`. */
const storage = opfsStorage();
const held = new Map<number, OpenFile | GrowingFile | FileWriter>();
const locks = new Map<number, () => Promise<void>>();
let last = 0;

// The real one runs; it is counted, so that a test sees which way was taken.
let handles = 0;
const { prototype } = FileSystemFileHandle;
const open: () => Promise<unknown> = Reflect.get(prototype, "createSyncAccessHandle")!;
Reflect.set(prototype, "createSyncAccessHandle", function (this: FileSystemFileHandle) {
  handles++;
  return open.call(this);
});

type Method = (...given: readonly unknown[]) => Promise<unknown>;
const methodOf = (of: object, name: string): Method =>
  (of as Readonly<Record<string, Method>>)[name]!.bind(of);

export interface OnStorage {
  readonly method: "stat" | "makeFolder" | "move" | "remove";
  readonly given: readonly string[];
}
export interface Walk {
  readonly method: "list" | "stream";
  readonly uri: string;
  /** Message of the reason of a signal that is aborted already. */
  readonly aborted: string | undefined;
}
export interface Hold {
  readonly method: "open" | "create" | "grow";
  readonly uri: string;
}
export interface OnFile {
  readonly id: number;
  readonly method: string;
  readonly given: readonly unknown[];
}
export interface Lock {
  readonly uri: string;
  /** Gets a message when the lock has to be waited for; one that comes back ends the wait. */
  readonly waits: MessagePort;
}

answerCallsOn(
  {
    post: (reply, transfer) => postMessage(reply, { transfer: [...transfer] }),
    listen: (answer) => addEventListener("message", ({ data }: MessageEvent<Request>) => answer(data)),
    end: () => close(),
  },
  {
    onStorage: async ({ method, given }: OnStorage) => ({ value: await methodOf(storage, method)(...given) }),
    async walk({ method, uri, aborted }: Walk) {
      const signal = aborted === undefined ? undefined : AbortSignal.abort(new Error(aborted));
      const value = [];
      for await (const each of storage[method](uri, { signal })) value.push(each);
      return { value };
    },
    async hold({ method, uri }: Hold) {
      const file = await storage[method](uri);
      held.set(++last, file);
      return { value: { id: last, size: "size" in file ? file.size : 0 } };
    },
    async onFile({ id, method, given }: OnFile) {
      const file = held.get(id)!;
      const value = await methodOf(file, method)(...given);
      return { value: { value, size: "size" in file ? file.size : 0 } };
    },
    async lock({ uri, waits }: Lock) {
      const waiting = new AbortController();
      waits.addEventListener("message", ({ data }) => waiting.abort(new Error(String(data))));
      waits.start();
      const unlock = await storage.lock(uri, {
        signal: waiting.signal,
        onWait: () => waits.postMessage(0, []),
      });
      locks.set(++last, unlock);
      return { value: last };
    },
    unlock: async (id: number) => ({ value: await locks.get(id)!() }),
    handles: () => Promise.resolve({ value: handles }),
  },
);
