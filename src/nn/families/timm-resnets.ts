import { imagenetPreprocessing, type Preprocessing } from "../../image/index.ts";

/** How the images of one of timm's models are prepared: while it was trained, and where its accuracy was measured. */
export interface TimmRecipe {
  readonly training: Preprocessing;
  readonly evaluation: Preprocessing;
  /** Of the weights, in SPDX's terms; undefined where timm states none. */
  readonly licence: string | undefined;
}

type Row = readonly [
  filter: Preprocessing["interpolation"],
  size: number,
  cropPct: number,
  testSize: number,
  testCropPct: number,
  licence?: string,
];

const long: Row = ["bicubic", 224, 0.95, 288, 1, "apache-2.0"];
const plain: Row = ["bicubic", 224, 0.875, 288, 0.95, "apache-2.0"];
const facebook: Row = ["bilinear", 224, 0.875, 224, 0.875, "cc-by-nc-4.0"];

/** The tags of timm's ResNets that this family can hold: entries of timm 1.0.31's `default_cfgs` (`models/resnet.py`). */
const tags: Readonly<Record<string, Row>> = {
  a1_in1k: long,
  a1h_in1k: long,
  a2_in1k: long,
  a3_in1k: ["bicubic", 160, 0.95, 224, 0.95, "apache-2.0"],
  am_in1k: ["bicubic", 224, 0.875, 224, 0.875, "apache-2.0"],
  b1k_in1k: long,
  b2k_in1k: long,
  bamboo: ["bicubic", 224, 1, 224, 1],
  bt_in1k: plain,
  c1_in1k: long,
  c2_in1k: long,
  d_in1k: long,
  fb_ssl_yfcc100m_ft_in1k: facebook,
  fb_swsl_ig1b_ft_in1k: facebook,
  fb_wsl_ig1b_ft_in1k: facebook,
  gluon_in1k: ["bicubic", 224, 0.875, 224, 0.875, "apache-2.0"],
  ra_in1k: plain,
  ra4_e3600_r224_in1k: ["bicubic", 224, 0.9, 288, 1, "apache-2.0"],
  racm_in1k: plain,
  ram_in1k: plain,
  tv_in1k: ["bilinear", 224, 0.875, 224, 0.875, "bsd-3-clause"],
  tv2_in1k: ["bilinear", 176, 0.875, 224, 0.965, "bsd-3-clause"],
  untrained: plain,
};

const weakly = "fb_ssl_yfcc100m_ft_in1k fb_swsl_ig1b_ft_in1k";

/** Tags of each architecture; the first is what timm takes for the name alone. */
const models: Readonly<Record<string, string>> = {
  resnet18: `a1_in1k a2_in1k a3_in1k tv_in1k ${weakly} gluon_in1k`,
  resnet26: "bt_in1k",
  resnet34: "a1_in1k a2_in1k a3_in1k bt_in1k ra4_e3600_r224_in1k tv_in1k gluon_in1k",
  resnet50: `a1_in1k a1h_in1k a2_in1k a3_in1k b1k_in1k b2k_in1k c1_in1k c2_in1k d_in1k ram_in1k am_in1k ra_in1k bt_in1k tv_in1k tv2_in1k bamboo ${weakly} gluon_in1k`,
  resnet101: "a1h_in1k a1_in1k a2_in1k a3_in1k tv_in1k tv2_in1k gluon_in1k",
  resnet152: "a1h_in1k a1_in1k a2_in1k a3_in1k tv_in1k tv2_in1k gluon_in1k",
  resnet200: "untrained",
  resnext50_32x4d: `a1h_in1k a1_in1k a2_in1k a3_in1k ra_in1k tv_in1k tv2_in1k ${weakly} gluon_in1k`,
  resnext101_32x4d: `${weakly} gluon_in1k untrained`,
  resnext101_32x8d: `tv_in1k tv2_in1k fb_wsl_ig1b_ft_in1k ${weakly}`,
  resnext101_32x16d: `fb_wsl_ig1b_ft_in1k ${weakly}`,
  resnext101_32x32d: "fb_wsl_ig1b_ft_in1k",
  resnext101_64x4d: "c1_in1k tv_in1k gluon_in1k",
  wide_resnet50_2: "racm_in1k tv_in1k tv2_in1k",
  wide_resnet101_2: "tv_in1k tv2_in1k",
};

/** The row of a model where it is not that of its tag. */
const exceptions: Readonly<Record<string, Row>> = {
  "resnet50.a1h_in1k": ["bicubic", 176, 0.9, 224, 1, "apache-2.0"],
};

/** Pixels from -1 to 1. */
const half = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;

/** timm's names of all models that this family can hold, with their tags. */
export const timmNames: readonly string[] = Object.entries(models).flatMap(([architecture, list]) =>
  list.split(" ").map((tag) => `${architecture}.${tag}`),
);

/**
 * What timm's tables say of a model of this name; a name without its tag stands for the first one.
 *
 * @returns `undefined` for a name that is not in them
 */
export function timmRecipe(name: string): TimmRecipe | undefined {
  const [architecture = "", given] = name.split(".");
  const list = Object.hasOwn(models, architecture) ? models[architecture]!.split(" ") : [];
  const tag = given ?? list[0];
  if (tag === undefined || !list.includes(tag)) return undefined;
  const row = exceptions[`${architecture}.${tag}`] ?? tags[tag]!;
  const [interpolation, inputSize, cropPct, testSize, testCropPct, licence] = row;
  const common = { ...imagenetPreprocessing, interpolation, ...(tag.startsWith("ra4_") ? half : {}) };
  return {
    training: { ...common, inputSize, cropPct },
    evaluation: { ...common, inputSize: testSize, cropPct: testCropPct },
    licence,
  };
}

const deepStem = "a deep stem";
const averagePool = "average-pool downsampling";
const excitation = "squeeze-excitation";
const channelAttention = "efficient channel attention";

/** What the syllables of timm's names stand for. */
const syllables: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^se(res|net)/, [excitation]],
  [/^eca/, [channelAttention]],
  [/^ecaresnetlight/, [averagePool]],
  [/^resnetrs/, [excitation, deepStem, averagePool]],
  [/^senet154/, [deepStem, "3x3 downsampling"]],
  [/^test_resnet/, [deepStem, averagePool, "stages of different blocks"]],
  [/res(net|next)(blur|aa)?\d+[cs](?![a-z\d])/, [deepStem]],
  [/res(net|next)(blur|aa)?\d+(d|t|tn)(?![a-z\d])/, [deepStem, averagePool]],
  [/blur\d|aa\d/, ["anti-aliased downsampling"]],
  [/_gn/, ["group normalisation"]],
];

/** What a ResNet of this name in timm's terms needs and this family has not; nothing for those that it can hold. */
export const neededByName = (name: string): readonly string[] => [
  ...new Set(syllables.flatMap(([pattern, needs]) => (pattern.test(name.split(".")[0]!) ? needs : []))),
];

/** What these tensors need and this family has not, by names and shapes. */
export function neededByWeights(
  weights: ReadonlyMap<string, { readonly dims: readonly number[] }>,
): readonly string[] {
  const names = [...weights.keys()];
  const some = (pattern: RegExp): boolean => names.some((name) => pattern.test(name));
  const needs: readonly (readonly [string, boolean])[] = [
    [excitation, some(/\.se(_module)?\.(fc|conv_reduce)/)],
    [channelAttention, some(/\.se\.conv\.weight$/)],
    [deepStem, some(/^conv1\.0\.weight$/)],
    [
      averagePool,
      [...weights].some(([name, { dims }]) => name.endsWith(".downsample.1.weight") && dims.length === 4),
    ],
    ["group normalisation", weights.has("bn1.weight") && !weights.has("bn1.running_mean")],
  ];
  return needs.flatMap(([need, isThere]) => (isThere ? [need] : []));
}
