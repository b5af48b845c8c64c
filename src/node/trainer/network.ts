import type { ModelDescription, ResNetConfig } from "../../nn/index.ts";
import { openModel, type ModelSource } from "../open-model.ts";
import { keptClasses } from "./kept-classes.ts";
import type { OpenedRun } from "./opened-run.ts";
import { startingModel, withNewClassifier } from "./starting-model.ts";

/** A network that is to be trained, before it is known for which classes. */
export interface StartingNetwork {
  readonly description: ModelDescription;
  /** The labels of the data in the order of the classifier that stays; undefined when it is replaced. */
  readonly kept: readonly string[] | undefined;
  /** The network for these classes. */
  withClasses(classes: readonly string[]): Promise<ModelSource>;
}

/** Opens the network that the options of a run name. */
export async function openNetwork({ options, recipe, data }: OpenedRun): Promise<StartingNetwork> {
  const { seed, inputSize } = recipe;
  const changes = { seed, preprocessing: inputSize === null ? {} : { inputSize } };
  const source = await startingModel(options, changes);
  const kept = keptClasses(source.description, data.training.classes);
  return {
    description: source.description,
    kept,
    async withClasses(classes) {
      if (kept) return source;
      const other = await startingModel(options, { ...changes, numClasses: classes.length, classes });
      return withNewClassifier(other, seed);
    },
  };
}

/** The network of a run that goes on, which needs none of the weights that it began with. */
export async function savedNetwork({ folder, data }: OpenedRun): Promise<StartingNetwork> {
  const source = await openModel(folder.last);
  return {
    description: source.description,
    kept: keptClasses(source.description, data.training.classes),
    withClasses: () => Promise.resolve(source),
  };
}

/** The shape of the network that the options of a resumed run name, if they do; nothing is downloaded for it. */
export async function namedConfig({ options }: OpenedRun): Promise<ResNetConfig | undefined> {
  if (options.model === undefined && options.weights === undefined) return undefined;
  const { description } = await startingModel({ ...options, scratch: options.weights === undefined }, {});
  return description.config;
}
