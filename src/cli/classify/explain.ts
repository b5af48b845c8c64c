import { basename, extname } from "node:path";
import { DataError, nearestNames, SslResnextError, UsageError } from "../../core/index.ts";
import { writeBytes } from "../../core/storage/index.ts";
import { mapClasses } from "../../data/index.ts";
import { nodeStorageFor } from "../../node/files/file-storage.ts";
import { explanationPng } from "../../node/images/encode-image.ts";
import type { Explained, Failure, Model } from "../../predict/index.ts";

/** An explained image with the picture that was drawn of it. */
export interface Drawn extends Explained {
  /** Path of the PNG. */
  readonly picture: string;
}

/**
 * Writes a picture for every explained image into a folder, which is made.
 *
 * @throws DataError when a file cannot be written; an image that cannot be read again is a failure of its own.
 */
export async function* drawExplanations(
  answers: AsyncIterable<Explained | Failure>,
  folder: string,
  { description }: Model,
): AsyncGenerator<Drawn | Failure, void, undefined> {
  const storage = nodeStorageFor(folder);
  await storage.makeFolder(folder);
  const pathOf = picturePaths(folder);
  for await (const answer of answers) {
    if ("error" in answer) {
      yield answer;
      continue;
    }
    const png = await explanationPng(answer, description.preprocessing).catch((error: unknown) => {
      if (error instanceof SslResnextError) return error;
      throw error;
    });
    if (png instanceof SslResnextError) {
      yield { image: answer.image, error: png };
      continue;
    }
    const picture = pathOf(answer.image);
    await writeBytes(storage, picture, [png]);
    yield { ...answer, picture };
  }
}

/**
 * Names a picture for each image of a run, in one folder: `dog-explained.png` for `photos/dog.jpg`; of images with
 * the same name the later ones are numbered.
 */
function picturePaths(folder: string): (image: string) => string {
  const taken = new Set<string>();
  return (image) => {
    const stem = basename(image, extname(image));
    let name = `${stem}-explained`;
    for (let number = 2; taken.has(name); number++) name = `${stem}-explained-${number}`;
    taken.add(name);
    return nodeStorageFor(folder).join(folder, `${name}.png`);
  };
}

/**
 * The index of the class that `--explain-class` names: by name, WordNet id or index.
 *
 * @throws UsageError `usage/unknown-class` with the nearest names.
 */
export function classToExplain(asked: string, { classes, modelClasses, description }: Model): number {
  try {
    return mapClasses([asked], modelClasses).get(asked)!;
  } catch (cause) {
    if (!(cause instanceof DataError)) throw cause;
    const nearest = nearestNames(asked, classes).slice(0, 3).join(", ");
    throw new UsageError(
      "usage/unknown-class",
      `--explain-class: ${description.name} has no class "${asked}"; expected a name such as ${nearest}, ` +
        `or an index from 0 to ${classes.length - 1}.`,
      { cause },
    );
  }
}
