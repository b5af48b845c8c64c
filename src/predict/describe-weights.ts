import { ModelError, type StateDict } from "../core/index.ts";
import { baseName, isUrl, readText, type StorageFor } from "../core/storage/index.ts";
import { imagenetClasses } from "../data/index.ts";
import {
  decodeDescription,
  family,
  findCard,
  modelConfig,
  releaseCard,
  unsupported,
  type ModelConfig,
  type ModelDescription,
  type NetworkDescription,
} from "../nn/index.ts";
import type { StatedModel } from "../nn/stated-model.ts";
import { pretrainedNames, weightFiles, type Checkpoint } from "../weights/index.ts";

/**
 * Describes the weights of a file: by the file's own metadata, else by a `config.json` beside it, else by the arguments of the
 * training program that wrote it; what none of them says, by the name that was given and by the shapes of the tensors.
 *
 * @param tensors Those of the network, in its names.
 * @param name Of the model, if the caller gave one.
 * @throws ModelError `model/invalid-description`, `model/config-json`, `model/other-config` for a `config.json` of another
 *   model, `model/unsupported-architecture`, `model/unrecognised-weights`
 */
export async function describeWeights(
  storageFor: StorageFor,
  file: string,
  checkpoint: Pick<Checkpoint, "metadata" | "arguments">,
  tensors: StateDict,
  name?: string,
): Promise<ModelDescription> {
  const own = decodeDescription(checkpoint.metadata, file);
  if (own) return own;
  const stated =
    (await statedBeside(storageFor, file)) ?? (await statements()).statedByArguments(checkpoint, file);
  const numClasses = tensors.get(family.classifier.weight)?.dims[0] ?? 0;
  if (stated) checkArchitecture(stated);
  const found =
    name === undefined ? family.detect(tensors) : family.complete({ ...modelConfig(name), numClasses });
  const stride = stated?.outputStride as ModelConfig["outputStride"] | undefined;
  const config = stride === undefined ? found : family.complete({ ...found, outputStride: stride });
  if (stated && stated.origin !== file) checkAgreement(stated, config, file);
  const recipe = name?.includes(".") ? family.timmRecipe(nameInTimm(name)) : undefined;
  const published = pretrainedNames.find((model) => weightFiles[model].file === baseName(file));
  const isReleased = findCard(name ?? published ?? "") !== undefined;
  const licence = stated?.licence ?? (isReleased ? releaseCard.licence : recipe?.licence);
  return {
    name: name === undefined ? (published ?? fileTitle(file)) : nameOf(name),
    config,
    ...(await statedClasses(stated, numClasses)),
    preprocessing: stated?.preprocessing ?? recipe?.evaluation ?? family.preprocessing(config),
    provenance: {
      weights: baseName(file),
      ...(stated && stated.origin !== file ? { "described by": baseName(stated.origin) } : {}),
      ...(stated?.architecture === undefined ? {} : { architecture: stated.architecture }),
      ...(licence === undefined ? {} : { licence }),
    },
  };
}

/** What reads the words of other programs: loaded for files that do not describe themselves. */
const statements = () => import("../nn/stated-model.ts");

/** What a model is called after its file, or after its folder where all files have the same name. */
export function fileTitle(file: string): string {
  const stem = baseName(file).replace(/(?<=.)(\.index)?\.[^.]*$/, "");
  if (stem !== "model" && stem !== "pytorch_model") return stem;
  return baseName(file.slice(0, file.length - baseName(file).length)) || stem;
}

const nameInTimm = (name: string): string => findCard(name)?.timmTag ?? baseName(name);

/** The name that a description gives to a model that was asked for by this one. */
export const nameOf = (model: string): string => findCard(model)?.name ?? baseName(model);

/**
 * What the configuration beside a file says: that of its own name, `model.json` of `model.safetensors`, else `config.json`,
 * as models on the Hugging Face hub have it.
 */
export async function statedBeside(storageFor: StorageFor, file: string): Promise<StatedModel | undefined> {
  if (isUrl(file) && /[?#]/.test(file)) return undefined;
  const storage = storageFor(file);
  const folder = file.slice(0, file.length - baseName(file).length);
  const textOf = async (name: string): Promise<string | undefined> => {
    const path = `${folder}${name}`;
    // A server may refuse to be asked for what is not there.
    const found = await storage.stat(path).catch(() => undefined);
    return found?.kind === "file" && found.size <= longestConfig ? readText(storage, path) : undefined;
  };
  for (const name of [baseName(file).replace(/(\.index)?\.[^.]*$/, ".json"), "config.json"]) {
    const text = name === baseName(file) ? undefined : await textOf(name);
    const stated =
      text === undefined
        ? undefined
        : (await statements()).parseHubConfig(
            text,
            `${folder}${name}`,
            await textOf("preprocessor_config.json"),
          );
    if (stated) return stated;
  }
  return undefined;
}

/** Names of 20,000 classes take 1 MB. */
const longestConfig = 16 * 2 ** 20;

/** @throws ModelError `model/unsupported-architecture` for what leaves no trace in the weights. */
function checkArchitecture({ origin, architecture, changes = [] }: StatedModel): void {
  const needs = [...(architecture === undefined ? [] : family.neededByName(architecture)), ...changes];
  if (needs.length > 0) throw unsupported(`${origin} is of ${architecture ?? "a network"}`, needs);
}

/** @throws ModelError `model/other-config` when a `config.json` is not of these weights. */
function checkAgreement(
  { origin, architecture, numClasses }: StatedModel,
  config: ModelConfig,
  file: string,
): void {
  const key = architecture?.split(".")[0] ?? "";
  const known = Object.hasOwn(family.architectures, key)
    ? family.complete(family.architectures[key]!)
    : undefined;
  const sides =
    known && family.architecture(known) !== family.architecture(config)
      ? [key, family.title(config)]
      : numClasses !== undefined && config.numClasses > 0 && numClasses !== config.numClasses
        ? [`${numClasses} classes`, `${config.numClasses}`]
        : undefined;
  if (!sides) return;
  throw new ModelError(
    "model/other-config",
    `${origin} says ${sides[0]}, and ${baseName(file)} beside it holds ${sides[1]}: it is of another model. Put each model ` +
      "into a folder of its own.",
  );
}

/** The classes in the order of the logits; those without a name are called by their index. */
export async function statedClasses(
  stated: StatedModel | undefined,
  numClasses: number,
): Promise<Pick<ModelDescription, "classes" | "classIds">> {
  const { classNames, descriptions, origin } = stated ?? {};
  if (!classNames) return { classes: numClasses === imagenetCount ? "imagenet-1k" : [] };
  const last = Math.max(...classNames.keys());
  if (numClasses > 0 && last >= numClasses) {
    throw new ModelError(
      "model/class-names",
      `${origin} names a class ${last}, and the model has ${numClasses}, from 0 on.`,
    );
  }
  if (numClasses === 0) return { classes: [] };
  const names = Array.from({ length: numClasses }, (_, index) => classNames.get(index) ?? `class ${index}`);
  if (names.length === imagenetCount && /^n\d{8}$/.test(names[0]!)) {
    const known = await imagenetClasses();
    if (known.every(({ wnid }, index) => wnid === names[index])) return { classes: "imagenet-1k" };
  }
  const words = names.map((name) => descriptions?.get(name));
  return words.every((word) => word !== undefined) ? { classes: words, classIds: names } : { classes: names };
}

const imagenetCount = 1000;

/** @throws ModelError `model/class-names` unless there is a name for each class, or none. */
export function withClasses<Described extends NetworkDescription>(
  described: Described,
  classes: NetworkDescription["classes"],
): Described {
  const { classIds: _, ...others } = described;
  const { numClasses } = described.config;
  if (classes !== "imagenet-1k" && classes.length !== 0 && classes.length !== numClasses) {
    throw new ModelError(
      "model/class-names",
      `${classes.length} class names were given for a classifier of ${numClasses} classes; give one each.`,
    );
  }
  return { ...others, classes } as Described;
}
