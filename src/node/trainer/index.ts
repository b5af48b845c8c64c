export type { RecipeValues, TrainingEvent, TrainModelOptions } from "./options.ts";
export type { NamedImages } from "./training-data.ts";
export { trainModel } from "./train-model.ts";
