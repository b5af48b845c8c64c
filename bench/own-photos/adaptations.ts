import { existsSync } from "node:fs";
import { join } from "node:path";
import { trainModel, type ImageSource } from "ssl-resnext";
import { sourceOf, type VehicleTask } from "../fixtures/vehicles.ts";
import { cacheFolder } from "../paths.ts";

/** Images that a network is adapted to. */
interface Adaptation {
  readonly name: string;
  readonly images: (task: VehicleTask) => ImageSource | Promise<ImageSource>;
  /** The network is looked at after each so many epochs, whose last one is the default of the recipe. */
  readonly every: number;
}

const lastEpoch = 12;

const adaptations: readonly Adaptation[] = [
  { name: "all images", images: ({ unlabelled }) => unlabelled, every: 3 },
  { name: "few", images: ({ unlabelled }) => firstOf(unlabelled, 1000), every: lastEpoch },
  { name: "both kinds", images: ({ kinds }) => kinds.both, every: lastEpoch },
  { name: "vehicles only", images: ({ kinds }) => kinds.vehicles, every: lastEpoch },
  { name: "animals only", images: ({ kinds }) => kinds.animals, every: lastEpoch },
];

/** A network after an adaptation. */
export interface Adapted {
  readonly name: string;
  readonly images: number;
  readonly epochs: number;
  /** Its weights. */
  readonly path: string;
  /** Whether it is adapted to all images, for as long as the recipe says. */
  readonly isDefault: boolean;
}

/**
 * Adapts a backbone to images of the task without labels, in each way; what stands is not done again, and what was stopped
 * goes on.
 *
 * @param quick One epoch over few images: to see that it works.
 */
export async function* adaptedNetworks(
  backbone: string,
  task: VehicleTask,
  quick: boolean,
): AsyncGenerator<Adapted, void, undefined> {
  for (const [index, { name, images, every }] of adaptations.entries()) {
    if (quick && name !== "few") continue;
    const source = await images(task);
    const [last, step] = quick ? [1, 1] : [lastEpoch, every];
    const out = join(cacheFolder, "own-photos", `${quick ? "quick-" : ""}${name.replaceAll(" ", "-")}`);
    const weightsAfter = (epoch: number): string => join(out, `epoch-${epoch}.safetensors`);
    if (!existsSync(weightsAfter(last))) await adapt(backbone, { name, images: source }, last, step, out);
    for (let epochs = step; epochs <= last; epochs += step) {
      const isDefault = index === 0 && epochs === last;
      yield { name, images: await countOf(source), epochs, path: weightsAfter(epochs), isDefault };
    }
  }
}

async function adapt(
  backbone: string,
  data: { readonly name: string; readonly images: ImageSource },
  epochs: number,
  checkpointEvery: number,
  out: string,
): Promise<void> {
  const recipe = { base: "adapt", epochs, checkpointEvery } as const;
  for await (const event of trainModel({ data, weights: backbone, out, resume: true, recipe })) {
    if (event.type !== "epoch") continue;
    console.error(`${data.name}: epoch ${event.epoch} of ${epochs}, loss ${event.trainLoss.toFixed(3)}`);
  }
}

async function firstOf(images: ImageSource, count: number): Promise<ImageSource> {
  const found = [];
  for await (const image of images) {
    found.push(image);
    if (found.length === count) break;
  }
  return sourceOf(found);
}

async function countOf(images: ImageSource): Promise<number> {
  if (images.size !== undefined) return images.size;
  let count = 0;
  for await (const _ of images) count++;
  return count;
}
