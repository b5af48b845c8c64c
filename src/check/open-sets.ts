import {
  openImages,
  type CheckedData,
  type ImageSource,
  type NamedSet,
  type OpenImagesOptions,
} from "../data/index.ts";
import type { TrainingPlatform } from "../train/platform.ts";
import { partsOf, wholeOrValidation, type DataParts } from "../train/run/training-data.ts";

/** The images to check, by what they are for. @param exclude A folder that is not looked into */
export async function openSets(
  platform: TrainingPlatform,
  { data, validation, test, unlabelled, ...rest }: CheckedData,
  exclude: string | undefined,
): Promise<{ readonly sets: readonly NamedSet[]; readonly splits: DataParts["splits"] }> {
  const { imageColumn, labelColumn, labelsFile, signal } = rest;
  const options = { imageColumn, labelColumn, labelsFile, exclude, signal };
  const open = async (inputs: readonly string[], more: OpenImagesOptions): Promise<ImageSource> =>
    openImages(platform, inputs, more);
  const parts = partsOf(
    { name: data.join(" "), images: await open(data, options) },
    validation !== undefined,
  );
  const given = async (inputs: readonly string[]): Promise<ImageSource> => {
    // A table of labels is for images that have none; folders of classes know better.
    const own = await open(inputs, { ...options, labelsFile: undefined });
    const images = own.classes || labelsFile === undefined ? own : await open(inputs, options);
    return wholeOrValidation({ name: "", images }).images;
  };
  const sets: NamedSet[] = [{ set: "labelled", images: parts.training.images }];
  if (validation) sets.push({ set: "validation", images: await given(validation) });
  else if (parts.validation) sets.push({ set: "validation", images: parts.validation.images });
  if (test) sets.push({ set: "test", images: await given(test) });
  if (unlabelled) {
    const images = await open(unlabelled, { imageColumn, readLabels: false, exclude, signal });
    sets.push({ set: "unlabelled", images });
  }
  return { sets, splits: parts.splits };
}
