import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../../core/index.ts";
import { manifestSchema, type Manifest } from "../../semi/index.ts";
import { fileError } from "../file-error.ts";
import { isErrno } from "../is-errno.ts";
import { makeFolder } from "../make-folder.ts";
import { writeFileAtomic } from "../write-file.ts";

const manifestName = "manifest.json";

/**
 * The manifest in the folder of a stage, if there is one.
 *
 * @throws DataError `semi/manifest` when it is none that this version reads.
 */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  const path = join(folder, manifestName);
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return undefined;
    throw fileError(path, cause);
  }
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new DataError(
      "semi/manifest",
      `${path}: expected the manifest of a stage; it is damaged, or of another version. Delete ${folder} to compute it anew.`,
      { cause },
    );
  }
}

/** Replaces the manifest in one go; makes the folder first where it is missing. */
export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  await makeFolder(folder);
  await writeFileAtomic(join(folder, manifestName), [Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)]);
}

/** Removes what a process that was killed had not written to its end. */
export async function removePartials(folder: string): Promise<void> {
  try {
    const names = await readdir(folder);
    for (const name of names) if (name.endsWith(".partial")) await rm(join(folder, name));
  } catch (cause) {
    if (!isErrno(cause, "ENOENT")) throw fileError(folder, cause);
  }
}

/** Removes everything that a stage left. */
export async function clearFolder(folder: string): Promise<void> {
  try {
    // The manifest first: what remains after a kill must not count as complete.
    await rm(join(folder, manifestName), { force: true });
    await rm(folder, { recursive: true, force: true });
  } catch (cause) {
    throw fileError(folder, cause);
  }
}
