import { basename, resolve } from "node:path";
import { UsageError } from "../../core/index.ts";
import { hasWeights, randomStateDict, type ModelDescription } from "../../nn/index.ts";
import { isWeightsPath, openModel, type ModelOptions, type ModelSource } from "../open-model.ts";
import type { StartingModelOptions } from "./options.ts";
import type { OpenedRun } from "./opened-run.ts";
import { packageVersion } from "../package-version.ts";

/**
 * The network that is trained, as it starts.
 *
 * @param more What the recipe and the data say of it.
 * @throws UsageError `train/model` when nothing says what to train, or both weights and random ones are asked for.
 */
export async function startingModel(
  { model, weights, scratch = false, hub, signal }: StartingModelOptions,
  more: Pick<ModelOptions, "seed" | "numClasses" | "classes" | "preprocessing">,
): Promise<ModelSource> {
  if (scratch && weights !== undefined) {
    throw new UsageError(
      "train/model",
      `Start from ${weights} or from random weights (scratch): not from both.`,
    );
  }
  const named = model ?? (weights === undefined ? undefined : resolve(weights));
  if (named === undefined) {
    throw new UsageError(
      "train/model",
      "Say what to train: a model's name (--model), or a file (--weights).",
    );
  }
  if (scratch && isWeightsPath(named)) return withRandomWeights(await openModel(named, more), more.seed);
  const pretrained = !scratch && weights === undefined && hasWeights(named);
  return openModel(named, {
    ...more,
    pretrained,
    ...(model === undefined ? {} : { weights }),
    hub,
    signal,
  });
}

function withRandomWeights({ description }: ModelSource, seed = 0): ModelSource {
  const provenance = { weights: `random, seed ${seed}` };
  return {
    description: { ...description, provenance },
    withWeights: (use) => use(randomStateDict(description.config, seed)),
  };
}

/** The same network with a classifier of random weights. */
export function withNewClassifier(source: ModelSource, seed: number): ModelSource {
  const fresh = randomStateDict(source.description.config, seed);
  return {
    description: source.description,
    withWeights: (use) =>
      source.withWeights((weights) => {
        const pick = (name: string) => [name, fresh.get(name)!] as const;
        return use(new Map([...weights, pick("fc.weight"), pick("fc.bias")]));
      }),
  };
}

/** The description of what comes out: named for the run's folder, with all that it was made from. */
export function trainedDescription(
  { description }: Pick<ModelSource, "description">,
  { folder, recipe, data }: Pick<OpenedRun, "folder" | "recipe" | "data">,
  classes: number,
  images: number | undefined,
): ModelDescription {
  return {
    ...description,
    name: basename(resolve(folder.path)),
    provenance: {
      ...description.provenance,
      model: description.name,
      data: `${data.name}, ${images === undefined ? "" : `${images} images of `}${classes} classes`,
      recipe: JSON.stringify(recipe),
      software: `ssl-resnext ${packageVersion()}`,
    },
  };
}
