import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Tensor } from "../../src/core/index.ts";
import type { Output, ResNetConfig } from "../../src/nn/index.ts";
import { runReference } from "./torch.ts";
import { readTensors } from "./torch-tensors.ts";

const photos = new URL("../../../shared/data/photos/", import.meta.url).pathname;

/** Paths of photographs, spread over the folder; or how many images to make, where there is none. */
function referenceImages(count: number): readonly string[] | number {
  try {
    const files = readdirSync(photos).filter((file) => file.endsWith(".JPEG"));
    const step = Math.floor(files.length / count);
    return Array.from({ length: count }, (_, index) => join(photos, files[index * step]!));
  } catch {
    return count;
  }
}

export interface ReferenceJob {
  readonly config: ResNetConfig;
  readonly seed: number;
  /** Images that the running statistics are taken from. */
  readonly images: number;
  /** How many of them are classified. */
  readonly probe: number;
  /** Whether the `.pth` files have the counters that came after 2019; without it none are written. */
  readonly weights?: "as of 2019" | "as of today";
  /** Height and width that the images are reduced to. @default 224 */
  readonly size?: number;
  /** Also computes the outputs of the first image in float64. */
  readonly float64?: boolean;
  /** Stages of torchvision that dilate instead of striding. */
  readonly dilate?: readonly [boolean, boolean, boolean];
}

/** What torchvision's model makes of `images`, and where its weights are: `<path>-legacy.pth`, `<path>-zip.pth`. */
export interface TorchResNet {
  readonly path: string;
  readonly images: Tensor;
  /** By name; `<name>/float64` too if it was asked for. */
  readonly outputs: Readonly<Record<Output, Tensor>> &
    Readonly<Record<`${Output}/float64`, Tensor | undefined>>;
}

/** Builds and runs models of torchvision in a folder, all in one process. */
export function torchResNets(
  folder: string,
  jobs: Readonly<Record<string, ReferenceJob>>,
): Readonly<Record<string, TorchResNet>> {
  const paths = Object.fromEntries(Object.keys(jobs).map((name, index) => [name, join(folder, `${index}`)]));
  for (const [name, { config, images, ...rest }] of Object.entries(jobs)) {
    const { cardinality, baseWidth, layers, block, stem } = config;
    const shape = { groups: cardinality, width_per_group: baseWidth, layers, block, stem };
    writeFileSync(
      `${paths[name]}.json`,
      JSON.stringify({ ...rest, ...shape, images: referenceImages(images) }),
    );
  }
  runReference("resnet.py", ...Object.values(paths));
  return Object.fromEntries(
    Object.entries(paths).map(([name, path]) => {
      const { images, ...outputs } = readTensors(`${path}-outputs`);
      return [name, { path, images: images!, outputs: outputs as TorchResNet["outputs"] }];
    }),
  );
}
