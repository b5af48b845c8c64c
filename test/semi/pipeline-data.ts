import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { seededRandom } from "../../src/core/index.ts";
import { exportSafetensors } from "../../src/node/library.ts";
import type { SemiEvent } from "../../src/semi/index.ts";
import type { SemiSettings } from "../../src/semi/index.ts";
import { tarBytes } from "../data/tar-fixture.ts";
import { colouredPng, colours, writeColouredImages } from "../support/coloured-images.ts";
import { smallNetwork } from "../support/small-network.ts";

/** A training of two steps. */
export const shortRecipe = { base: "quick", images: 16, batchSize: 8 } as const;

/** Writes an archive of coloured images that are named after nothing but their number. */
export async function writeShard(path: string, imagesPerClass: number, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const members = Array.from({ length: imagesPerClass * colours.length }, (_, i) => i);
  writeFileSync(
    path,
    await tarBytes(
      await Promise.all(
        members.map(async (i) => ({ name: `${i}.png`, body: await colouredPng(i % colours.length, random) })),
      ),
    ),
  );
}

/** Writes labelled, unlabelled and test images and a small network, and gives the settings of a run over them. */
export async function writePipelineData(folder: string): Promise<Partial<SemiSettings>> {
  mkdirSync(join(folder, "unlabelled"), { recursive: true });
  await writeColouredImages(join(folder, "labelled"), 10, 1);
  await writeColouredImages(join(folder, "test"), 4, 2);
  await writeShard(join(folder, "unlabelled", "a.tar"), 5, 3);
  await writeShard(join(folder, "unlabelled", "b.tar"), 5, 4);
  const teacher = join(folder, "small.safetensors");
  await exportSafetensors(smallNetwork({ inputSize: 16, stem: "cifar", numClasses: 5 }), teacher);
  return {
    labelled: [join(folder, "labelled")],
    unlabelled: [join(folder, "unlabelled", "*.tar")],
    test: [join(folder, "test")],
    validationShare: 0.2,
    teacher,
    method: "paper",
    k: 4,
    teachRecipe: shortRecipe,
    pretrainRecipe: { base: "quick", epochs: 2, batchSize: 8 },
    finetuneRecipe: { ...shortRecipe, learningRate: 0.02, warmUp: 0 },
  };
}

/** Runs to the end. */
export async function eventsOf(events: AsyncIterable<SemiEvent>): Promise<readonly SemiEvent[]> {
  const found: SemiEvent[] = [];
  for await (const event of events) found.push(event);
  return found;
}

/** The stages that were done, each with what had changed. */
export function stagesDone(events: readonly SemiEvent[]): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    events.flatMap((event) => (event.type === "stage-started" ? [[event.stage, event.changes]] : [])),
  );
}
