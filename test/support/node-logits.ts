import { fileURLToPath } from "node:url";

/** What Node's embedded model makes of the images of an archive: logits, one image after the other. */
export interface NodeLogits {
  readonly ids: readonly string[];
  readonly logits: readonly number[];
}

/** Where the images of CIFAR-10's test set are, if they are here. */
export const testImages: string = fileURLToPath(
  new URL("../../../shared/data/cifar10/test-5000.tar", import.meta.url),
);

/** Runs the built package in Node, for a page to compare with. */
export async function nodeLogits(_page: unknown, archive: string): Promise<NodeLogits> {
  const built = new URL("../../dist/index.js", import.meta.url).href;
  const { createModel, openImages } = (await import(built)) as typeof import("../../src/index.ts");
  const model = await createModel("ssl_resnext17_cifar10", { pretrained: true });
  const ids: string[] = [];
  const logits: number[] = [];
  for await (const result of model.run(["logits"], await openImages([archive]))) {
    if ("error" in result) throw result.error;
    ids.push(result.image.slice(archive.length));
    logits.push(...result.outputs["logits"]!.data);
  }
  await model.release();
  return { ids, logits };
}

declare module "vitest" {
  interface ProvidedContext {
    /** Path of the archive, undefined where it is not here. */
    readonly testImages: string | undefined;
  }
}

declare module "vitest/browser" {
  interface BrowserCommands {
    nodeLogits(archive: string): Promise<NodeLogits>;
  }
}
