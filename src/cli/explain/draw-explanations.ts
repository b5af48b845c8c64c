import { SslResnextError } from "../../core/index.ts";
import type { DecodeOptions } from "../../image/index.ts";
import { explanationPng } from "../../node/explanation-png.ts";
import { makeFolder } from "../../node/make-folder.ts";
import { writeFileAtomic } from "../../node/write-file.ts";
import type { Explained, Failure, Model } from "../../predict/index.ts";
import { picturePaths } from "./picture-paths.ts";

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
  decode: DecodeOptions,
): AsyncGenerator<Drawn | Failure, void, undefined> {
  await makeFolder(folder);
  const pathOf = picturePaths(folder);
  for await (const answer of answers) {
    if ("error" in answer) {
      yield answer;
      continue;
    }
    const png = await explanationPng(answer, description.preprocessing, decode).catch((error: unknown) => {
      if (error instanceof SslResnextError) return error;
      throw error;
    });
    if (png instanceof SslResnextError) {
      yield { image: answer.image, error: png };
      continue;
    }
    const picture = pathOf(answer.image);
    await writeFileAtomic(picture, [png]);
    yield { ...answer, picture };
  }
}
