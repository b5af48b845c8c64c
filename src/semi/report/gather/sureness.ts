import { readConfidence, runFolder, type Sureness } from "../../../train/index.ts";
import type { StageKind } from "../../plan/stage.ts";
import type { OwnPhotos } from "../data.ts";
import { ownArms } from "./own-photos.ts";
import { lastStage, type StandingRun } from "./standing-run.ts";

/**
 * How sure the model is that a run ends with: of the test images, if there are any; else of what had no part in its weights, which
 * for a network that was trained on from a classifier are the images out of fold of that one. Undefined before it stands.
 */
export async function sureness(run: StandingRun, own: OwnPhotos | undefined): Promise<Sureness | undefined> {
  const outcome = own ? kindOf(own) : "finetune";
  const stage = outcome && lastStage(run, outcome);
  if (!stage || !run.manifests.has(stage.folder)) return undefined;
  const { results, settings, context } = run;
  const found = results?.models.find((model) => model.stage === stage.folder);
  if (settings.test && found?.reliability) {
    const { confidence, reliability, images } = found;
    return { confidence, reliability, measuredOn: `${images} test images, ${results!.data}` };
  }
  const classifier = classifierOf[stage.kind];
  const measured = classifier ? lastStage(run, classifier) : stage;
  const fit =
    measured && (await readConfidence(runFolder(context.platform.storageFor, context.path(measured.folder))));
  return fit && { ...fit, ...(classifier ? { note: ofClassifier } : {}) };
}

const kindOf = ({ best }: OwnPhotos): StageKind | undefined =>
  (Object.keys(ownArms) as StageKind[]).find((kind) => best && ownArms[kind] === best.arm);

/** The classifier that a whole network was trained on from. */
const classifierOf: { readonly [K in StageKind]?: StageKind } = {
  tune: "fit",
  joint: "fit",
  "tune-alone": "alone",
};

const ofClassifier =
  "This was measured of the classifier that the whole network was trained on from: the network is surer of itself, and how far too sure only images that it was not trained on can tell.";
