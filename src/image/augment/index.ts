export {
  augmentationFields,
  augmentationSchema,
  defaultAugmentation,
  type AugmentationOptions,
} from "./options.ts";
export { augment, trainingTransform, type TrainingTransformOptions } from "./training-transform.ts";
