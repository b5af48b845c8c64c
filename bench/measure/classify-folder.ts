import type { ImageSource, Model } from "ssl-resnext";

/** One pass over photographs. */
export interface FolderPass {
  readonly seconds: number;
  /** The best logit of each, in order. */
  readonly best: readonly number[];
  /** The class that it belongs to. */
  readonly classes: readonly number[];
}

/** Classifies every photograph of a folder, and times it. */
export async function classifyFolder(model: Model, images: ImageSource): Promise<FolderPass> {
  const best: number[] = [];
  const classes: number[] = [];
  const start = performance.now();
  for await (const result of model.classifyAll(images)) {
    if ("error" in result) throw result.error;
    const [first] = result.predictions;
    best.push(first!.logit);
    classes.push(first!.index);
  }
  return { seconds: (performance.now() - start) / 1000, best, classes };
}
