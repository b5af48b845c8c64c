import { UsageError } from "../../core/index.ts";
import type { Storage } from "../../core/storage/index.ts";
import { openImages, pathsOfInputs } from "../../data/index.ts";
import { isRunFolder } from "../../data/sources/run-folder.ts";
import type { SemiPlatform } from "../platform.ts";
import type { SemiSettings } from "../settings/settings.ts";

/** Settings that name images, each with its flag. */
const imageSettings = {
  labelled: "--labelled",
  unlabelled: "--unlabelled",
  test: "--test",
  validation: "--validation",
  weak: "--weak",
} as const satisfies Partial<Record<keyof SemiSettings, string>>;

/**
 * Refuses a folder of images as that of a run: its own folders would be taken for classes, or it would hide the images of a class.
 * A folder of its own below the images is none of them.
 *
 * @throws UsageError `semi/out`
 */
export async function checkOut(platform: SemiPlatform, settings: SemiSettings, out: string): Promise<void> {
  const storage = platform.storageFor(out);
  const here = await folderAt(storage, out);
  for (const [name, flag] of Object.entries(imageSettings)) {
    const inputs = settings[name as keyof typeof imageSettings] ?? [];
    for (const path of await pathsOfInputs(platform.storageFor, inputs)) {
      if (platform.storageFor(path) !== storage) continue;
      const images = await folderAt(storage, path);
      const setting = `${name}, ${flag}`;
      if (images.path === here.path || (images.identity !== undefined && images.identity === here.identity)) {
        throw new UsageError(
          "semi/out",
          `${out}: expected a folder of its own for the run (out, -o), this one holds images (${setting}), among which the run's folders would look like classes. Give another one, such as ${storage.join(out, "run")}.`,
        );
      }
      if (isBelow(here.path, images.path) && (await hasImages(platform, out))) {
        throw new UsageError(
          "semi/out",
          `${out}: expected a folder of its own for the run (out, -o), this one holds some of the images of ${path} (${setting}), which would not be seen any more. Give another one, such as ${storage.join(path, "run")}.`,
        );
      }
    }
  }
}

interface Folder {
  /** The name that holds from anywhere. */
  readonly path: string;
  /** The same for all names of one folder, if it is there. */
  readonly identity: string | undefined;
}

async function folderAt(storage: Storage, uri: string): Promise<Folder> {
  const entry = await storage.stat(uri).catch(() => undefined);
  return { path: storage.resolve(uri).replace(/\/+$/, ""), identity: entry?.identity };
}

const isBelow = (path: string, folder: string): boolean => path.startsWith(`${folder}/`);

/** Whether a folder that is not one of a run holds images. */
async function hasImages(platform: SemiPlatform, folder: string): Promise<boolean> {
  const storage = platform.storageFor(folder);
  const entry = await storage.stat(folder).catch(() => undefined);
  if (entry?.kind !== "folder" || (await isRunFolder(storage, folder))) return false;
  for await (const _ of await openImages(platform, [folder], { scan: false })) return true;
  return false;
}
