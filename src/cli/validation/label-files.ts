import { imagenetSubset, parseRealLabels, type RealLabels } from "../../data/index.ts";
import { UsageError } from "../../core/index.ts";
import { parseClassSubset, type ClassSubset } from "../../predict/metrics/index.ts";
import { readText } from "../read-text.ts";

const imagenetClassCount = 1000;

/** The classes that `--subset` names: ImageNet-A's, ImageNet-R's, or those of a file. */
export async function openSubset(
  name: string | undefined,
  numClasses: number,
): Promise<ClassSubset | undefined> {
  if (name === undefined) return undefined;
  if (name !== "imagenet-a" && name !== "imagenet-r") {
    return parseClassSubset(await readText(name), numClasses, name);
  }
  if (numClasses !== imagenetClassCount) {
    throw new UsageError(
      "usage/class-subset",
      `--subset ${name} is made for the ${imagenetClassCount} classes of ImageNet; this model has ${numClasses}.`,
    );
  }
  return imagenetSubset(name === "imagenet-a" ? "a" : "r");
}

/** The labels that `--real` names. */
export async function openRealLabels(path: string | undefined): Promise<RealLabels | undefined> {
  return path === undefined ? undefined : parseRealLabels(await readText(path), path);
}
