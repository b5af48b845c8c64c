import { family, type ModelDescription } from "../../nn/index.ts";

/** What all configurations of a folder say. */
export interface FolderFacts {
  readonly description: ModelDescription;
  /** Class names in the order of the logits; empty where they are unknown, and for a model without classifier. */
  readonly labels: readonly string[];
  /** Of the weights, in their own words; undefined where it is unknown. */
  readonly licence: string | undefined;
}

/**
 * `config.json` as timm and transformers read it, with `architecture` and `pretrained_cfg`.
 *
 * It names no `model_type`: with one, transformers builds its own ResNet, whose names of weights are others, and leaves it random
 * in silence. ImageNet's names are timm's own to know.
 *
 * @returns `undefined` where timm has no such architecture
 */
export function timmConfig({ description, labels, licence }: FolderFacts): object | undefined {
  const { name, config, classes, preprocessing } = description;
  const network = family.timm(config);
  if (!network) return undefined;
  const { inputSize, cropPct, interpolation, mean, std } = preprocessing;
  const { numClasses, inChannels, outputStride } = config;
  const features = Math.ceil(inputSize / outputStride);
  return {
    architecture: network.architecture,
    num_classes: numClasses,
    num_features: family.embeddingLength(config),
    global_pool: "avg",
    ...(classes === "imagenet-1k" || labels.length === 0 ? {} : { label_names: labels }),
    ...(Object.keys(network.arguments).length === 0 ? {} : { model_args: network.arguments }),
    pretrained_cfg: {
      tag: name.replace(/[^\w-]+/g, "_"),
      custom_load: false,
      input_size: [inChannels, inputSize, inputSize],
      fixed_input_size: false,
      interpolation,
      crop_pct: cropPct,
      crop_mode: "center",
      mean,
      std,
      num_classes: numClasses,
      pool_size: [features, features],
      first_conv: layerOf(family.stem(config)),
      classifier: layerOf(family.classifier.weight),
      ...(licence === undefined ? {} : { license: licenceId(licence) }),
    },
  };
}

/** A licence in the hub's terms: `cc-by-nc-4.0` for "CC-BY-NC 4.0", or `other`. */
export function licenceId(licence: string): string {
  const [named = ""] = licence.toLowerCase().split(/[,;(]/);
  const id = named.trim().replace(/\s+/g, "-");
  return /^[a-z0-9.-]{2,24}$/.test(id) ? id : "other";
}

const layerOf = (parameter: string): string => parameter.replace(/\.weight$/, "");

/** `config.json` as transformers.js reads it. Names that stand twice, as two of ImageNet's do, go back to the first. */
export function webConfig({ description, labels }: FolderFacts): object {
  const { block, layers, width } = description.config;
  const names = labels.length > 0 ? labels : numbered(description.config.numClasses);
  const indices = new Map<string, number>();
  for (const [index, label] of names.entries()) if (!indices.has(label)) indices.set(label, index);
  return {
    model_type: "resnet",
    architectures: [names.length > 0 ? "ResNetForImageClassification" : "ResNetModel"],
    layer_type: block,
    depths: layers,
    embedding_size: width,
    num_channels: 3,
    ...(names.length > 0
      ? { id2label: Object.fromEntries(names.entries()), label2id: Object.fromEntries(indices) }
      : {}),
  };
}

const numbered = (classes: number): readonly string[] =>
  Array.from({ length: classes }, (_, index) => `class ${index}`);

/** `preprocessor_config.json` of transformers.js: nothing is left to do, as the graphs resize, crop and normalise. */
export const webPreprocessor: object = {
  // The plainest of its classes; one has to be named.
  image_processor_type: "ViTImageProcessor",
  do_convert_rgb: true,
  do_resize: false,
  do_center_crop: false,
  do_rescale: false,
  do_normalize: false,
  do_pad: false,
};
