import type { Storage } from "../../core/storage/index.ts";

/** Files that a run writes into its folder, and how what they say begins: a class may have a `recipe.yaml` of its own. */
export const runFiles = {
  "recipe.yaml": "The recipe of this run",
  "semi.yaml": "The settings of this run",
} as const;

/** The file that a semi-supervised run holds from its first moment on. */
export const runLock = ".semi.lock";

/** Whether a file may be one of {@link runFiles}; {@link isOfRun} looks at what it says. */
export const isRunFile = (name: string): name is keyof typeof runFiles => Object.hasOwn(runFiles, name);

/** Bytes at the beginning of a file that {@link isOfRun} wants to see. */
export const runFileBytes = 64;

/** Whether a file is one of {@link runFiles}, by its first bytes. */
export const isOfRun = (name: keyof typeof runFiles, bytes: Uint8Array): boolean =>
  new TextDecoder().decode(bytes).startsWith(`# ${runFiles[name]}`);

/** Whether a folder is that of a run, which may lie among the images that it is trained on: no class, and no data. */
export async function isRunFolder(storage: Storage, folder: string): Promise<boolean> {
  if (await isFile(storage, storage.join(folder, runLock))) return true;
  for (const name of Object.keys(runFiles)) {
    const path = storage.join(folder, name);
    if (isRunFile(name) && (await isFile(storage, path)) && (await saysRun(storage, path, name))) return true;
  }
  return false;
}

const isFile = async (storage: Storage, path: string): Promise<boolean> =>
  (await storage.stat(path).catch(() => undefined))?.kind === "file";

async function saysRun(storage: Storage, path: string, name: keyof typeof runFiles): Promise<boolean> {
  try {
    await using file = await storage.open(path);
    return isOfRun(name, await file.read(0, Math.min(file.size, runFileBytes)));
  } catch {
    return false;
  }
}
