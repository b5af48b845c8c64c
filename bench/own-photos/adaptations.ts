import { existsSync } from "node:fs";
import { join } from "node:path";
import { trainModel, type ImageSource } from "ssl-resnext";

/** Images that a network is adapted to. */
export interface Adaptation {
  readonly name: string;
  readonly images: ImageSource;
  /** The network is looked at after each so many epochs. @default only after the last one */
  readonly every?: number | undefined;
}

/** The default of the recipe. */
const lastEpoch = 12;

/** A network after an adaptation. */
export interface Adapted {
  readonly name: string;
  readonly images: number;
  readonly epochs: number;
  /** Its weights. */
  readonly path: string;
  /** Whether it is the first adaptation, for as long as the recipe says. */
  readonly isDefault: boolean;
}

/**
 * Adapts a backbone to images without labels, in each way; what stands in the folder is not done again, and what was stopped goes
 * on.
 *
 * @param quick The last way alone, for one epoch: to see that it works.
 */
export async function* adaptedNetworks(
  backbone: string,
  adaptations: readonly Adaptation[],
  folder: string,
  quick: boolean,
): AsyncGenerator<Adapted, void, undefined> {
  const last = quick ? 1 : lastEpoch;
  for (const adaptation of quick ? adaptations.slice(-1) : adaptations) {
    const { name, images, every = last } = adaptation;
    const step = Math.min(every, last);
    const out = join(folder, `${quick ? "quick-" : ""}${name.replaceAll(" ", "-")}`);
    const weightsAfter = (epoch: number): string => join(out, `epoch-${epoch}.safetensors`);
    if (!existsSync(weightsAfter(last))) await adapt(backbone, { name, images }, last, step, out);
    for (let epochs = step; epochs <= last; epochs += step) {
      const isDefault = adaptation === adaptations[0] && epochs === last;
      yield { name, images: await countOf(images), epochs, path: weightsAfter(epochs), isDefault };
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
  for await (const event of trainModel({ data, model: backbone, out, resume: true, recipe })) {
    if (event.type !== "epoch") continue;
    console.error(`${data.name}: epoch ${event.epoch} of ${epochs}, loss ${event.trainLoss.toFixed(3)}`);
  }
}

async function countOf(images: ImageSource): Promise<number> {
  if (images.size !== undefined) return images.size;
  let count = 0;
  for await (const _ of images) count++;
  return count;
}
