import { isAbsolute, resolve } from "node:path";
import { isUrl, readOnly, type Storage, type StorageFor } from "../../core/storage/index.ts";
import { openImages, type ImageItem, type ImageSource, type OpenImagesOptions } from "../../data/index.ts";
import { fileStorage, nodeStorageFor } from "../files/file-storage.ts";
import { nodePlatform } from "../platform.ts";

/** Whether what a path names depends on the folder that a process is in. */
export const isRelative = (path: string): boolean => !isUrl(path) && !isAbsolute(path) && path !== "-";

/**
 * The images that a process in another folder would find, and by the names that it would give them.
 *
 * @param folder Where relative paths begin, absolute; undefined for the folder of this process.
 * @throws as `openImages` does
 */
export async function openImagesFrom(
  folder: string | undefined,
  inputs: readonly string[],
  options: OpenImagesOptions,
): Promise<ImageSource> {
  if (folder === undefined) return openImages(nodePlatform, inputs, options);
  const at = (path: string): string => (isRelative(path) ? resolve(folder, path) : path);
  const storage = relativeStorage(at);
  const storageFor: StorageFor = (path) => (isRelative(path) ? storage : nodeStorageFor(path));
  return withContentAt(await openImages({ ...nodePlatform, storageFor }, inputs, options), at);
}

/** The files of the machine by relative paths, for reading. What is found is named as it was asked for. */
const relativeStorage = (at: (path: string) => string): Storage => ({
  ...fileStorage,
  ...readOnly("images are looked for here. Write elsewhere."),
  stat: (path) => fileStorage.stat(at(path)),
  list: (path, options) => fileStorage.list(at(path), options),
  open: async (path, options) => ({ ...(await fileStorage.open(at(path), options)), name: path }),
  stream: (path, options) => fileStorage.stream(at(path), options),
  resolve: at,
  path: at,
});

/** The same images, whose files are found from any folder: threads and decoders know nothing of this one. */
function withContentAt(source: ImageSource, at: (path: string) => string): ImageSource {
  const { splits } = source;
  return {
    ...source,
    splits: splits && {
      ...splits,
      training: withContentAt(splits.training, at),
      validation: splits.validation && withContentAt(splits.validation, at),
    },
    async *[Symbol.asyncIterator](): AsyncGenerator<ImageItem> {
      for await (const item of source) {
        const { content } = item;
        yield "path" in content ? { ...item, content: { ...content, path: at(content.path) } } : item;
      }
    },
  };
}
