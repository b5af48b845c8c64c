import { ModelError } from "../core/index.ts";

/** The error for a network that the family cannot hold. @param subject Such as the name of a model, without a verb */
export const unsupported = (subject: string, needs: readonly string[]): ModelError =>
  new ModelError(
    "model/unsupported-architecture",
    `${subject} with ${new Intl.ListFormat("en-GB").format(needs)}, which is not built here: ResNet and ResNeXt ` +
      "as torchvision has them are, and any classifier as an ONNX file.",
  );
