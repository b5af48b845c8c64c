import { describe, expect, it, vi } from "vitest";
import {
  readBytes,
  readText,
  writeBytes,
  writeText,
  type OpenFile,
  type Storage,
} from "../../src/core/storage/index.ts";

/** A storage under test. */
export interface OpenedStorage {
  readonly storage: Storage;
  /** A folder that stands, for this test alone. */
  readonly root: string;
  /** Takes the folder away. */
  readonly close: () => Promise<void>;
}

/** What a storage that cannot be written to has in its root. */
export const contractFiles: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "numbers.bin": Uint8Array.from({ length: 5000 }, (_, i) => i % 251),
  "empty.bin": new Uint8Array(0),
  "with space #1?.txt": new TextEncoder().encode("grüße"),
};
const numbers = contractFiles["numbers.bin"]!;

type Open = () => Promise<OpenedStorage>;

/** What storages may differ in. */
interface Differences {
  /** Whether a file that is open stays as it was when it is replaced; else reading it is refused. @default true */
  readonly keepsOpenFiles?: boolean;
  /** Whether a file can only be written to a folder that stands. @default true */
  readonly needsFolders?: boolean;
}

/**
 * What every storage does. It needs no platform: browsers run it over their own storages.
 *
 * @param open Gives a storage with an empty folder, anew for each test.
 */
export function storageSuite(
  name: string,
  open: Open,
  { keepsOpenFiles = true, needsFolders = true }: Differences = {},
): void {
  const filled: Open = async () => {
    const opened = await open();
    const { storage, root } = opened;
    for (const [file, bytes] of Object.entries(contractFiles))
      await writeBytes(storage, storage.join(root, file), [bytes]);
    return opened;
  };
  describe(`storage: ${name}`, () => {
    reading(filled);
    folders(filled);
    writing(open, { keepsOpenFiles, needsFolders });
    growing(open);
    locks(open);
  });
}

/** What a storage does that can only be read. @param open Gives one whose folder holds `contractFiles`. */
export function readingSuite(name: string, open: Open): void {
  describe(`storage: ${name}`, () => {
    reading(open);
  });
}

/** A test over a storage of its own. */
const over = (open: Open, test: (opened: OpenedStorage) => Promise<void>) => async (): Promise<void> => {
  const opened = await open();
  try {
    await test(opened);
  } finally {
    await opened.close();
  }
};

function reading(open: Open): void {
  it(
    "says what stands at a name",
    over(open, async ({ storage, root }) => {
      expect(await storage.stat(storage.join(root, "numbers.bin"))).toMatchObject({
        kind: "file",
        size: 5000,
      });
      expect(await storage.stat(storage.join(root, "empty.bin"))).toMatchObject({ kind: "file", size: 0 });
      expect(await storage.stat(storage.join(root, "absent.bin"))).toBe(undefined);
    }),
  );

  it(
    "reads ranges, in copies",
    over(open, async ({ storage, root }) => {
      const uri = storage.join(root, "numbers.bin");
      const file = await storage.open(uri);
      expect([file.name, file.size]).toEqual([uri, 5000]);
      const ranges = [
        [0, 10],
        [4990, 10],
        [1000, 3000],
        [5000, 0],
      ] as const;
      const read = await Promise.all(ranges.map(([offset, length]) => file.read(offset, length)));
      expect(read).toEqual(ranges.map(([offset, length]) => numbers.slice(offset, offset + length)));
      read[0]!.fill(7);
      expect(await file.read(0, 10)).toEqual(numbers.slice(0, 10));
      await file.close();
      await file.close();
    }),
  );

  it(
    "refuses what reaches past the end",
    over(open, async ({ storage, root }) => {
      const file = await storage.open(storage.join(root, "numbers.bin"));
      for (const [offset, length] of [
        [4999, 2],
        [5000, 1],
        [0, 2 ** 40],
        [-1, 2],
      ] as const) {
        await expect(file.read(offset, length)).rejects.toMatchObject({
          name: "DataError",
          code: "data/truncated",
        });
      }
      await file.close();
    }),
  );

  it(
    "streams from the beginning",
    over(open, async ({ storage, root }) => {
      expect(await readBytes(storage, storage.join(root, "numbers.bin"))).toEqual(numbers);
      expect((await readBytes(storage, storage.join(root, "empty.bin"))).byteLength).toBe(0);
      expect(await readText(storage, storage.join(root, "with space #1?.txt"))).toBe("grüße");
    }),
  );

  it(
    "streams into buffers of their own",
    over(open, async ({ storage, root }) => {
      const bytes = await readBytes(storage, storage.join(root, "numbers.bin"));
      expect(bytes.buffer.byteLength).toBe(bytes.byteLength);
      bytes.fill(0);
      expect(await readBytes(storage, storage.join(root, "numbers.bin"))).toEqual(numbers);
    }),
  );

  it(
    "names what is not there",
    over(open, async ({ storage, root }) => {
      const uri = storage.join(root, "absent.bin");
      const missing = { name: "DataError", code: "data/not-found", message: expect.stringContaining(uri) };
      await expect(storage.open(uri)).rejects.toMatchObject(missing);
      await expect(readBytes(storage, uri)).rejects.toMatchObject(missing);
    }),
  );

  it(
    "stops when it is aborted",
    over(open, async ({ storage, root }) => {
      const signal = AbortSignal.abort(new Error("enough"));
      await expect(readBytes(storage, storage.join(root, "numbers.bin"), { signal })).rejects.toThrow(
        "enough",
      );
    }),
  );
}

function folders(open: Open): void {
  it(
    "lists names",
    over(open, async ({ storage, root }) => {
      await storage.makeFolder(storage.join(root, "inner", "most"));
      await writeText(storage, storage.join(root, "inner", "file.txt"), "x");
      expect(await listed(storage, root)).toEqual([
        "empty.bin file",
        "inner folder",
        "numbers.bin file",
        "with space #1?.txt file",
      ]);
      expect(await listed(storage, storage.join(root, "inner"))).toEqual(["file.txt file", "most folder"]);
      expect(await listed(storage, storage.join(root, "inner", "most"))).toEqual([]);
      await expect(listed(storage, storage.join(root, "absent"))).rejects.toMatchObject({
        code: "data/not-found",
      });
    }),
  );

  it(
    "tells folders from files",
    over(open, async ({ storage, root }) => {
      const folder = storage.join(root, "folder");
      await storage.makeFolder(folder);
      await storage.makeFolder(folder);
      expect(await storage.stat(folder)).toMatchObject({ kind: "folder", size: 0 });
      await expect(storage.open(folder)).rejects.toMatchObject({ code: "data/not-a-file" });
      await expect(readBytes(storage, folder)).rejects.toMatchObject({ code: "data/not-a-file" });
    }),
  );

  it(
    "removes a folder with what is in it",
    over(open, async ({ storage, root }) => {
      const folder = storage.join(root, "folder");
      await storage.makeFolder(storage.join(folder, "inner"));
      await writeText(storage, storage.join(folder, "inner", "file.txt"), "x");
      await storage.remove(folder);
      expect(await storage.stat(folder)).toBe(undefined);
      expect(await storage.stat(storage.join(folder, "inner", "file.txt"))).toBe(undefined);
      await storage.remove(folder);
      await storage.remove(storage.join(root, "numbers.bin"));
      expect(await listed(storage, root)).toEqual(["empty.bin file", "with space #1?.txt file"]);
    }),
  );
}

function writing(open: Open, { keepsOpenFiles, needsFolders }: Required<Differences>): void {
  it(
    "shows a file when it is committed",
    over(open, async ({ storage, root }) => {
      const uri = storage.join(root, "file.txt");
      await writeText(storage, uri, "first");
      const before = Date.now();
      const file = await storage.create(uri);
      const chunk = new TextEncoder().encode("sec");
      await file.write(chunk);
      // What was handed over is the storage's; the array is the caller's again.
      chunk.fill(0);
      await file.write(new TextEncoder().encode("ond"));
      expect(await readText(storage, uri)).toBe("first");
      await file.commit();
      expect(await readText(storage, uri)).toBe("second");
      expect(await listed(storage, root)).toEqual(["file.txt file"]);
      // Clocks of file systems are coarse.
      expect((await storage.stat(uri))!.modified).toBeGreaterThan(before - 5000);
    }),
  );

  it(
    "leaves nothing of a file that is given up",
    over(open, async ({ storage, root }) => {
      const uri = storage.join(root, "file.txt");
      const file = await storage.create(uri);
      await file.write(new TextEncoder().encode("x"));
      await file.abort();
      expect(await listed(storage, root)).toEqual([]);

      await writeText(storage, uri, "first");
      async function* failing(): AsyncGenerator<Uint8Array> {
        yield new TextEncoder().encode("second");
        throw new Error("no more");
      }
      await expect(writeBytes(storage, uri, failing())).rejects.toThrow("no more");
      const signal = AbortSignal.abort(new Error("enough"));
      await expect(writeBytes(storage, uri, [], { signal })).rejects.toThrow("enough");
      expect(await readText(storage, uri)).toBe("first");
      expect(await listed(storage, root)).toEqual(["file.txt file"]);
    }),
  );

  it.runIf(keepsOpenFiles)(
    "keeps an open file as it was",
    over(open, async (opened) => {
      const file = await openReplaced(opened);
      expect(new TextDecoder().decode(await file.read(0, file.size))).toBe("first");
      await file.close();
    }),
  );

  it.skipIf(keepsOpenFiles)(
    "refuses to read an open file that was replaced",
    over(open, async (opened) => {
      const file = await openReplaced(opened);
      await expect(file.read(0, file.size)).rejects.toMatchObject({
        name: "DataError",
        code: "data/unreadable",
      });
      await file.close();
    }),
  );

  it.runIf(needsFolders)(
    "needs a folder that exists",
    over(open, async ({ storage, root }) => {
      const uri = storage.join(root, "absent", "file.txt");
      await expect(writeText(storage, uri, "x")).rejects.toMatchObject({ code: "data/not-found" });
      await expect(storage.grow(uri)).rejects.toMatchObject({ code: "data/not-found" });
    }),
  );

  it(
    "moves a file in place of another",
    over(open, async ({ storage, root }) => {
      const [from, to] = [storage.join(root, "from.txt"), storage.join(root, "to.txt")];
      await writeText(storage, from, "new");
      await writeText(storage, to, "old");
      await storage.move(from, to);
      expect(await readText(storage, to)).toBe("new");
      expect(await listed(storage, root)).toEqual(["to.txt file"]);
      await expect(storage.move(from, to)).rejects.toMatchObject({ code: "data/not-found" });
    }),
  );

  it(
    "gives names that hold from anywhere",
    over(open, async ({ storage, root }) => {
      const uri = storage.join(root, "a", "b.txt");
      expect(storage.resolve(storage.resolve(uri))).toBe(storage.resolve(uri));
      expect(uri.startsWith(root)).toBe(true);
      expect(uri.endsWith("b.txt")).toBe(true);
    }),
  );
}

function growing(open: Open): void {
  it(
    "appends, and reads what was appended",
    over(open, async ({ storage, root }) => {
      const uri = storage.join(root, "log.bin");
      const file = await storage.grow(uri);
      expect(file.size).toBe(0);
      for (let i = 0; i < 5000; i += 700) await file.append(numbers.subarray(i, i + 700));
      expect(file.size).toBe(5000);
      expect(await file.read(600, 2000)).toEqual(numbers.slice(600, 2600));
      await expect(file.read(4999, 2)).rejects.toMatchObject({ code: "data/truncated" });
      await file.sync();
      await file.close();
      await file.close();
      expect(file.size).toBe(5000);
      expect(await readBytes(storage, uri)).toEqual(numbers);
    }),
  );

  it(
    "goes on where an earlier one ended",
    over(open, async ({ storage, root }) => {
      const uri = storage.join(root, "log.bin");
      for (const [from, to] of [
        [0, 3000],
        [3000, 5000],
      ] as const) {
        const file = await storage.grow(uri);
        expect(file.size).toBe(from);
        await file.append(numbers.subarray(from, to));
        await file.close();
      }
      expect(await readBytes(storage, uri)).toEqual(numbers);
    }),
  );

  it(
    "drops the end",
    over(open, async ({ storage, root }) => {
      const uri = storage.join(root, "log.bin");
      const file = await storage.grow(uri);
      await file.append(numbers);
      await file.truncate(6000);
      expect(file.size).toBe(5000);
      await file.truncate(1000);
      expect(file.size).toBe(1000);
      await file.append(numbers.subarray(1000, 1500));
      await file.sync();
      await file.close();
      expect(await readBytes(storage, uri)).toEqual(numbers.slice(0, 1500));
      await storage.move(uri, storage.join(root, "done.bin"));
      expect(await listed(storage, root)).toEqual(["done.bin file"]);
    }),
  );
}

function locks(open: Open): void {
  it(
    "are held by one at a time",
    over(open, async ({ storage, root }) => {
      const uri = storage.join(root, "lock");
      let inside = 0;
      let waited = 0;
      const work = async (): Promise<void> => {
        const unlock = await storage.lock(uri, { onWait: () => waited++ });
        inside += 1;
        expect(inside).toBe(1);
        // The first one holds it until both others wait, however long their asking takes.
        await vi.waitUntil(() => waited === 2, { timeout: 30_000, interval: 5 });
        inside -= 1;
        await unlock();
      };
      await Promise.all([work(), work(), work()]);
      expect(waited).toBe(2);
      expect(await listed(storage, root)).toEqual([]);
    }),
  );

  it(
    "stop waiting when they are aborted",
    over(open, async ({ storage, root }) => {
      const uri = storage.join(root, "lock");
      const unlock = await storage.lock(uri);
      const abort = new AbortController();
      const onWait = (): void => abort.abort(new Error("enough"));
      await expect(storage.lock(uri, { signal: abort.signal, onWait })).rejects.toThrow("enough");
      await unlock();
      await (
        await storage.lock(uri)
      )();
    }),
  );
}

/** A file that was opened when it held "first", and holds "second" now. */
async function openReplaced({ storage, root }: OpenedStorage): Promise<OpenFile> {
  const uri = storage.join(root, "file.txt");
  await writeText(storage, uri, "first");
  const file = await storage.open(uri);
  await writeText(storage, uri, "second");
  return file;
}

/** Names and kinds in a folder, sorted. */
async function listed(storage: Storage, folder: string): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { name, kind } of storage.list(folder)) names.push(`${name} ${kind}`);
  return names.sort();
}
