export { openImages } from "./open-images.ts";
export type { OpenImagesOptions } from "./options.ts";
export { contentReader, readContent } from "./content-reader.ts";
