export { defaultMixing, mixingFields, mixingSchema, type MixingOptions } from "./options.ts";
export { mixBatch, type MixableBatch } from "./mix-batch.ts";
export { writeTarget } from "./targets.ts";
