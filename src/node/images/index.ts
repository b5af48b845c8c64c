export { openImages } from "./open-images.ts";
export type { OpenImagesOptions } from "./options.ts";
export { contentReader, readContent, type ContentReader } from "./content-reader.ts";
export { openFileBytes, type FileBytes } from "./file-bytes.ts";
