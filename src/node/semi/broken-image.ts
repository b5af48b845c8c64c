import type { SslResnextError } from "../../core/index.ts";
import type { Model } from "../../predict/index.ts";

/**
 * Whether an error says that an image itself cannot be used, now and later; a file that cannot be read or memory that
 * runs out says nothing of the image.
 */
export const isBrokenImage = ({ code }: SslResnextError): boolean =>
  code.startsWith("image/") || code === "runtime/worker-crashed";

/**
 * Runs a model over images, whose results may be errors of broken images.
 *
 * @throws what keeps an image from being read that is not the fault of the image.
 */
export async function* runImages(
  model: Model,
  ...options: Parameters<Model["run"]>
): ReturnType<Model["run"]> {
  for await (const result of model.run(...options)) {
    if ("error" in result && !isBrokenImage(result.error)) throw result.error;
    yield result;
  }
}
