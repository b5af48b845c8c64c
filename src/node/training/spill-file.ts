import { mkdtemp, open, rm, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KeepBytes } from "../../data/index.ts";
import { fileError } from "../file-error.ts";

/** A temporary file for images that can only be read in order where they are. */
export interface SpillFile {
  /** Appends the bytes of an image. @throws DataError when the disk is full or may not be written to */
  readonly keep: KeepBytes;
  /** Ends the writing; what was written can be read until the file is removed. */
  finish(): Promise<void>;
  remove(): Promise<void>;
}

/** A file in the system's temporary folder that is created when the first image comes. */
export function spillFile(): SpillFile {
  let folder: string | undefined;
  let file: FileHandle | undefined;
  let end = 0;
  const pathIn = (parent: string): string => join(parent, "images");

  return {
    async keep(bytes) {
      try {
        folder ??= await mkdtemp(join(tmpdir(), "ssl-resnext-images-"));
        file ??= await open(pathIn(folder), "wx");
        await file.writeFile(bytes);
      } catch (cause) {
        throw fileError(folder ?? tmpdir(), cause);
      }
      const offset = end;
      end += bytes.byteLength;
      return { path: pathIn(folder), offset, length: bytes.byteLength };
    },
    async finish() {
      await file?.close();
      file = undefined;
    },
    async remove() {
      await file?.close();
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}
