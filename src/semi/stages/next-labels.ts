import { SslResnextError } from "../../core/index.ts";
import { baseName, readText, writeText, type Storage } from "../../core/storage/index.ts";
import { openModel } from "../../predict/index.ts";
import { whiteningImages, type Recipe } from "../../train/index.ts";
import type { SemiContext } from "../context.ts";
import type { SuggestedPicture } from "../suggest/contact-sheet.ts";
import { suggestImages } from "../suggest/suggest-images.ts";
import type { Manifest } from "./manifest.ts";
import { bestWeights, unlabelledImages } from "./training.ts";

/** The unlabelled images whose labels would help most, as the page of a run shows them. */
export interface NextLabels {
  readonly images: readonly SuggestedPicture[];
  /** Unlabelled images that they were chosen among. */
  readonly among: number;
}

const nextLabelsName = "next-labels.json";

/** Images of a page, and of `suggest` unless it is told otherwise. */
const shown = 20;

/**
 * Writes which images to label next, by the network that the classifier of the labels was fitted on and the unlabelled images that
 * were embedded for it: nothing has to be embedded again. There are none where too few images are left, and they end no run.
 *
 * @param folder Where they go.
 * @param fit The stage of the classifier.
 */
export async function writeNextLabels(context: SemiContext, folder: string, fit: StandingFit): Promise<void> {
  const { storage, path } = context;
  const target = path(folder, nextLabelsName);
  await storage.remove(target);
  try {
    await writeText(storage, target, `${JSON.stringify(await nextLabels(context, fit))}\n`);
  } catch (error) {
    context.signal?.throwIfAborted();
    if (!(error instanceof SslResnextError)) throw error;
  }
}

/** The stage of a classifier, and what it left. */
interface StandingFit {
  readonly folder: string;
  readonly manifest: Manifest;
}

async function nextLabels(context: SemiContext, { folder, manifest }: StandingFit): Promise<NextLabels> {
  const { platform, path, execution, signal } = context;
  const { engine, precision, device, plan } = execution;
  const source = await openModel(platform, path(folder, bestWeights));
  const suggesting = suggestImages(platform, source, {
    labelled: (await context.labelled()).training.images,
    unlabelled: (await unlabelledImages(context)).images,
    count: shown,
    poolImages: whiteningImages,
    seed: (manifest.settings["recipe"] as Recipe).seed,
    engine,
    precision,
    device,
    plan,
    signal,
  });
  let next = await suggesting.next();
  while (!next.done) next = await suggesting.next();
  const { suggestions, counts } = next.value;
  const { exifOrientation } = source.description.preprocessing;
  const images = suggestions.map(async ({ image, classes, belongs }) => ({
    name: baseName(image.id),
    id: image.id,
    thumbnail: await platform.thumbnail(image, { exifOrientation }),
    classes: classes.slice(0, 2),
    belongs,
  }));
  return { images: await Promise.all(images), among: counts.unlabelled };
}

/** What {@link writeNextLabels} wrote; undefined where nothing stands. */
export async function readNextLabels(storage: Storage, folder: string): Promise<NextLabels | undefined> {
  const path = storage.join(folder, nextLabelsName);
  return (await storage.stat(path)) ? (JSON.parse(await readText(storage, path)) as NextLabels) : undefined;
}
