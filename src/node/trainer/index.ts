export type { RecipeValues, TrainingEvent, TrainModelOptions } from "./options.ts";
export { trainModel } from "./train-model.ts";
