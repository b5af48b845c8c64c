import { UsageError } from "../../core/index.ts";
import type { WeightFile } from "./weight-files.ts";

/** Folder of the original files. */
export const defaultBaseUrl = "https://dl.fbaipublicfiles.com/semiweaksupervision/model_files/";

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

/** The same weights as safetensors; a Hugging Face server names their SHA-256 in a header. */
export function mirrorSource(weights: WeightFile, mirrorUrl: string = defaultMirrorUrl): WeightSource {
  return {
    url: join(mirrorUrl, `${weights.timmTag}/resolve/main/model.safetensors`),
    file: `${weights.timmTag}.safetensors`,
    bytes: undefined,
    sha256Prefix: undefined,
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
