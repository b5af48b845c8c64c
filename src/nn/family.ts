import type { ZodMiniType } from "zod/mini";
import type { StateDict } from "../core/index.ts";
import type { Value } from "../graph/index.ts";
import type { Preprocessing } from "../image/index.ts";
import type { TimmRecipe } from "./families/timm-resnets.ts";
import type { Forward } from "./forward.ts";

/** What the configuration of any family says. */
export interface CommonConfig {
  /** Classes of the classifier; 0 leaves it out, and the model gives embeddings only. */
  readonly numClasses: number;
  /** Channels of the input images. */
  readonly inChannels: number;
  /** Input length over length of the last feature map; smaller ones are reached by dilation. */
  readonly outputStride: 8 | 16 | 32;
}

/** Values that can be asked of a network, by name. */
export type NetworkOutputs<Tap extends string> = Readonly<
  Partial<Record<Tap | "embedding" | "logits", Value<"float32">>>
>;

/** Residual blocks one after the other. Their parameters' names begin with the name of the stage and a dot. */
export interface Stage<Tap extends string> {
  /** Also that of the feature map which the stage ends in. */
  readonly name: Tap;
  /** How often the stage asks `Forward.branch`. */
  readonly blocks: number;
}

/** How timm builds a network: its name of the architecture, and arguments where the network differs from it. */
export interface TimmNetwork {
  readonly architecture: string;
  readonly arguments: Readonly<Record<string, number | readonly number[]>>;
}

/**
 * Everything that is particular to a family of networks: the rest of the package asks here, and knows neither names of
 * parameters nor fields of a configuration besides the common ones.
 *
 * After torchtitan's `ModelSpec`, and the entries `first_conv` and `classifier` of timm's `pretrained_cfg`.
 */
export interface ModelFamily<Config extends CommonConfig, Tap extends string> {
  /** A configuration as checkpoints hold it, by an earlier version too. Its values are checked by `complete`. */
  readonly schema: ZodMiniType<Config>;
  /** Architectures by name, as far as they differ from the defaults. */
  readonly architectures: Readonly<Record<string, Partial<Config>>>;
  /** Feature maps that can be read from the network, in order of computation. */
  readonly taps: readonly Tap[];
  /** Names of parameters that every network has, and hardly anything else. */
  readonly landmarks: readonly string[];
  /** Names of the classifier's parameters, [classes, embedding] and [classes]. */
  readonly classifier: { readonly weight: string; readonly bias: string };

  /**
   * Completes and checks a configuration.
   *
   * @throws ModelError `model/invalid-config` that names the field.
   */
  complete(given: Partial<Config>): Config;

  /**
   * Reads the configuration off the names and shapes of a state dict; what leaves no trace there takes its default.
   *
   * @throws ModelError `model/unrecognised-weights` for tensors of another family.
   */
  detect(weights: StateDict): Config;

  /** What an architecture of this name in timm's terms needs and the family has not; nothing for those that it can hold. */
  neededByName(name: string): readonly string[];
  /** What timm's tables say of a model by its name, with or without its tag. */
  timmRecipe(name: string): TimmRecipe | undefined;
  /** timm's names, with tags, of the models that the family can hold. */
  readonly timmNames: readonly string[];

  /**
   * The network from images to logits. Computes nothing: what is not asked for is not in the graph.
   *
   * @param images [N, inChannels, H, W]
   * @returns Taps [N, C, H / s, W / s], `embedding` [N, C] and, unless `numClasses` is 0, `logits` [N, classes].
   */
  build(config: Config, images: Value<"float32">, forward: Forward): NetworkOutputs<Tap>;

  /** Name of the filters that see the image, [O, inChannels, h, w]. */
  stem(config: Config): string;
  /** The stages in order of computation, without the stem. */
  stages(config: Config): readonly Stage<Tap>[];
  /** Numbers in an embedding: the channels of the last stage. */
  embeddingLength(config: Config): number;
  /** What a model without a description of its own sees. */
  preprocessing(config: Config): Preprocessing;
  /** What two models share if the weights of one fit the other, but for stem and classifier: in a few words. */
  architecture(config: Config): string;
  /** How timm builds the same network; `undefined` where it has none like it. */
  timm(config: Config): TimmNetwork | undefined;
  /** A configuration in the words of the papers. */
  title(config: Config): string;
}
