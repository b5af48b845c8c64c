import type { ByteSource } from "../../core/index.ts";

/** The cache that the hub downloads into: a folder in Node, the origin's private files in a browser. */
export interface HubStorage {
  /** Where a file stands or would stand, as a path that people can use. */
  locate(file: string): string;
  /** Length in bytes of a finished file, or undefined when it is not there. */
  size(file: string): Promise<number | undefined>;
  /** The names of all finished files. */
  list(): Promise<readonly string[]>;
  /** Opens the partial file of a download for one writer at a time; waits while another one holds it. */
  claim(file: string, options: ClaimOptions): Promise<PartialFile>;
  /** True the first time it is called with this note, ever; false afterwards. */
  firstTime(note: string): Promise<boolean>;
}

export interface ClaimOptions {
  /** Ends the wait for another writer. */
  readonly signal: AbortSignal | undefined;
  /** Called once when another writer holds the file. */
  readonly onWait: () => void;
}

/** The unfinished bytes of a download. */
export interface PartialFile extends ByteSource {
  /** What `describe` stored last: where the bytes came from. */
  readonly description: string | undefined;
  /** Stores a line of text beside the bytes. */
  describe(text: string): Promise<void>;
  append(bytes: Uint8Array): Promise<void>;
  /** Drops the bytes and their description; the file stays claimed. */
  clear(): Promise<void>;
  /** Makes the bytes the finished file, atomically. */
  commit(): Promise<void>;
  /** Lets the next writer in; what was neither committed nor cleared stays for a later resume. */
  release(): Promise<void>;
}

/** A SHA-256 that takes its bytes piece by piece. */
export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** 64 lower-case hex digits. */
  hex(): Promise<string>;
}
