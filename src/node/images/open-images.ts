import {
  openImages as openImagesOf,
  type ImagePlatform,
  type ImageSource,
  type OpenImagesOptions,
} from "../../data/index.ts";
import { nodeStorageFor } from "../files/file-storage.ts";
import { gunzip } from "./gunzip.ts";

const platform: ImagePlatform = { storageFor: nodeStorageFor, gunzip };

/**
 * Finds the images of one or more inputs, in their order: image files, folders (of class folders or not), `.tar` and
 * `.tar.gz` archives (class folders, flat, WebDataset), Parquet tables, globs and brace ranges of these, and "-" for
 * standard input. Inputs are paths, or URLs with `https:`, `http:` or `file:`.
 *
 * An image file that does not exist is listed all the same and fails when it is read, as a broken one does.
 *
 * @throws DataError when a folder, archive or table does not exist or cannot be read, when none of the image files
 *   exists, or when there are no images at all
 */
export const openImages = (
  inputs: readonly string[],
  options: OpenImagesOptions = {},
): Promise<ImageSource> =>
  // Naming process.stdin opens it.
  openImagesOf(platform, inputs, inputs.includes("-") ? { stdin: process.stdin, ...options } : options);
