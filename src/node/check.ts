import type { ApplyFixesOptions, CheckEvent, CheckOptions, CleanedCopy } from "../check/index.ts";
import { nodeTrainingPlatform } from "./training.ts";

// A program that only classifies loads nothing of this.
const check = (): Promise<typeof import("../check/index.ts")> => import("../check/index.ts");

/**
 * Looks for what is wrong with images before anything is trained on them: files that cannot be read, sizes, copies within a class,
 * across classes and across sets, and with a model likely label errors, outliers and images unlike any class. The event
 * `finished`, the last one, names the page and the list of fixes.
 *
 * What was found out of each image is kept in the folder: a check that was stopped goes on where it was. Nothing but that folder
 * is written to.
 *
 * @throws UsageError `check/model` for a model without an embedding, `usage/no-effect` for `engine`, `precision` or `device` without a
 *   model; DataError for images that are not there, and for a
 *   folder that cannot be written to; what opening and running the model throws.
 * @example
 * const model = await openModel("ssl_resnext50_32x4d");
 * for await (const event of checkImages({ data: ["photos"], test: ["test"], model, out: "check" })) console.log(event.type);
 */
export async function* checkImages(options: CheckOptions): AsyncGenerator<CheckEvent, void, undefined> {
  yield* (await check()).runCheck(nodeTrainingPlatform, options);
}

/**
 * Makes a copy of images as folders of classes, with a list of fixes followed: the originals stay as they are.
 *
 * @throws UsageError `check/target-exists`; DataError `check/fixes` for a row that cannot be followed or an image that is not there,
 *   `check/class-name` for a class that no folder can be named after; for images that cannot be read and a full disk
 * @example await applyFixes({ data: ["photos"], fixes: "check/fixes.csv", to: "photos-clean" });
 */
export async function applyFixes(options: ApplyFixesOptions): Promise<CleanedCopy> {
  return (await check()).applyFixes(nodeTrainingPlatform, options);
}
