import { ModelError, UsageError } from "../../core/index.ts";
import type { HubStorage } from "./hub-storage.ts";

/** Where the original weights of one model are published, and how to recognise them. */
export interface WeightFile {
  /** Name under the base URL and in the cache; ends in the first 8 hex digits of the file's SHA-256. */
  readonly file: string;
  /** First 8 hex digits of the file's SHA-256. */
  readonly sha256Prefix: string;
  /** Length of the file, where it is known. */
  readonly bytes: number | undefined;
  /** The model's name in timm; its Hugging Face repository holds the same weights as safetensors. */
  readonly timmTag: string;
}

const row = (file: string, timmTag: string, bytes?: number): WeightFile => ({
  file,
  sha256Prefix: file.slice(-12, -4),
  bytes,
  timmTag,
});

/** A model whose original weights are published. */
export type PretrainedName = `${"ssl" | "swsl"}_${
  | "resnet18"
  | "resnet50"
  | "resnext50_32x4d"
  | "resnext101_32x4d"
  | "resnext101_32x8d"
  | "resnext101_32x16d"}`;

/** The weight files of the billion-scale semi-supervised release, by model name. */
export const weightFiles: Readonly<Record<PretrainedName, WeightFile>> = {
  ssl_resnet18: row("semi_supervised_resnet18-d92f0530.pth", "resnet18.fb_ssl_yfcc100m_ft_in1k"),
  ssl_resnet50: row("semi_supervised_resnet50-08389792.pth", "resnet50.fb_ssl_yfcc100m_ft_in1k"),
  ssl_resnext50_32x4d: row(
    "semi_supervised_resnext50_32x4-ddb3e555.pth",
    "resnext50_32x4d.fb_ssl_yfcc100m_ft_in1k",
    100_428_550,
  ),
  ssl_resnext101_32x4d: row(
    "semi_supervised_resnext101_32x4-dc43570a.pth",
    "resnext101_32x4d.fb_ssl_yfcc100m_ft_in1k",
    177_341_913,
  ),
  ssl_resnext101_32x8d: row(
    "semi_supervised_resnext101_32x8-2cfe2f8b.pth",
    "resnext101_32x8d.fb_ssl_yfcc100m_ft_in1k",
    356_056_638,
  ),
  ssl_resnext101_32x16d: row(
    "semi_supervised_resnext101_32x16-15fffa57.pth",
    "resnext101_32x16d.fb_ssl_yfcc100m_ft_in1k",
    777_518_664,
  ),
  swsl_resnet18: row("semi_weakly_supervised_resnet18-118f1556.pth", "resnet18.fb_swsl_ig1b_ft_in1k"),
  swsl_resnet50: row("semi_weakly_supervised_resnet50-16a12f1b.pth", "resnet50.fb_swsl_ig1b_ft_in1k"),
  swsl_resnext50_32x4d: row(
    "semi_weakly_supervised_resnext50_32x4-72679e44.pth",
    "resnext50_32x4d.fb_swsl_ig1b_ft_in1k",
  ),
  swsl_resnext101_32x4d: row(
    "semi_weakly_supervised_resnext101_32x4-3f87e46b.pth",
    "resnext101_32x4d.fb_swsl_ig1b_ft_in1k",
  ),
  swsl_resnext101_32x8d: row(
    "semi_weakly_supervised_resnext101_32x8-b4712904.pth",
    "resnext101_32x8d.fb_swsl_ig1b_ft_in1k",
  ),
  swsl_resnext101_32x16d: row(
    "semi_weakly_supervised_resnext101_32x16-f3559a9c.pth",
    "resnext101_32x16d.fb_swsl_ig1b_ft_in1k",
  ),
};

/** The names of all models with published weights. */
export const pretrainedNames: readonly PretrainedName[] = Object.keys(weightFiles) as PretrainedName[];

/**
 * Finds the weight file of a model, by its name or by its timm tag.
 *
 * @throws ModelError `model/no-published-weights`
 */
export function findWeightFile(name: string): WeightFile {
  const known = pretrainedNames.find((key) => key === name || weightFiles[key].timmTag === name);
  if (known !== undefined) return weightFiles[known];
  throw new ModelError(
    "model/no-published-weights",
    `No weights are published for the model "${name}"; they are for ${pretrainedNames.join(", ")}. ` +
      "Use one of these names or their timm tags, or open your own file.",
  );
}

/** Folder of the original files. */
const defaultBaseUrl = "https://dl.fbaipublicfiles.com/semiweaksupervision/model_files/";

/** Organisation that mirrors them as safetensors. */
export const defaultMirrorUrl = "https://huggingface.co/timm/";

/** One place that a model's weights can be downloaded from, and what is known about its file. */
export interface WeightSource {
  readonly url: string;
  /** Name in the cache. */
  readonly file: string;
  readonly bytes: number | undefined;
  /** The first digits of the SHA-256, or undefined when only the server can tell. */
  readonly sha256Prefix: string | undefined;
  /** Names the user to the server. */
  readonly token?: string | undefined;
  /** A description in JSON rather than weights. */
  readonly isText?: boolean;
}

/** The original file: its name carries its checksum. */
export function originalSource(weights: WeightFile, baseUrl: string = defaultBaseUrl): WeightSource {
  return {
    url: join(baseUrl, weights.file),
    file: weights.file,
    bytes: weights.bytes,
    sha256Prefix: weights.sha256Prefix,
  };
}

/** timm's description of a model, which the cache keeps beside the weights under their name. */
export function configSource(
  { timmTag }: Pick<WeightFile, "timmTag">,
  mirrorUrl: string = defaultMirrorUrl,
  token?: string,
): WeightSource {
  return {
    url: join(mirrorUrl, `${timmTag}/resolve/main/config.json`),
    file: `${timmTag}.json`,
    bytes: undefined,
    sha256Prefix: undefined,
    token,
    isText: true,
  };
}

/** timm's name of a model that is named as on the hub. */
export const hubName = (name: string): string | undefined => /^timm\/([\w.-]+)$/.exec(name)?.[1];

/** The same weights as safetensors; a Hugging Face server names their SHA-256 in a header. */
export function mirrorSource(
  weights: Pick<WeightFile, "timmTag">,
  mirrorUrl: string = defaultMirrorUrl,
  token?: string,
): WeightSource {
  return {
    url: join(mirrorUrl, `${weights.timmTag}/resolve/main/model.safetensors`),
    file: `${weights.timmTag}.safetensors`,
    bytes: undefined,
    sha256Prefix: undefined,
    token,
  };
}

function join(base: string, path: string): string {
  const folder = base.endsWith("/") ? base : `${base}/`;
  if (/^https?:/i.test(folder) && URL.canParse(folder)) return new URL(path, folder).href;
  throw new UsageError(
    "usage/hub-url",
    `The hub's URL must be an absolute http or https URL, for example ${defaultBaseUrl}; received "${base}".`,
  );
}

/** A weights file in the cache. */
export interface CachedWeights {
  readonly name: PretrainedName;
  readonly path: string;
  readonly bytes: number;
}

/** Lists the published weights that stand in the cache, in the order of the table of models. */
export async function listCachedWeights(storage: HubStorage): Promise<readonly CachedWeights[]> {
  const present = new Set(await storage.list());
  const cached: CachedWeights[] = [];
  for (const name of pretrainedNames) {
    for (const { file } of [originalSource(weightFiles[name]), mirrorSource(weightFiles[name])]) {
      const bytes = present.has(file) ? await storage.size(file) : undefined;
      if (bytes !== undefined) cached.push({ name, path: storage.locate(file), bytes });
    }
  }
  return cached;
}
