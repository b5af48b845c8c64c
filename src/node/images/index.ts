export { openImages } from "./open-images.ts";
export type { OpenImagesOptions } from "./options.ts";
export { contentReader, readContent, type ContentReader } from "./content-reader.ts";
