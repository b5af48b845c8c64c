import { explainMemory, initialTrainingState, programOptions, type TrainingStep } from "../../train/index.ts";
import { openTrainingStep, trainingProgramFor } from "../step/index.ts";
import type { ReadyRun } from "./ready-run.ts";
import { withTrainingState } from "./training-checkpoint.ts";

/**
 * The step of a run, with the state of its checkpoint, or the one that it begins with.
 *
 * @throws TrainingError `train/out-of-memory`; SessionError; WeightsError.
 */
export async function openStep(run: ReadyRun): Promise<TrainingStep> {
  const { options, recipe, saved, folder, source, description } = run;
  const { device = "cpu", threads, signal } = options;
  const { config, preprocessing } = description;
  const program = await trainingProgramFor(
    device,
    config,
    programOptions(recipe, config, preprocessing.inputSize),
  );
  const more = {
    device,
    seed: recipe.seed,
    ...(threads === undefined ? {} : { threads }),
    ...(signal ? { signal } : {}),
  };
  try {
    if (saved) {
      return await withTrainingState(folder.last, (state) => openTrainingStep(program, { ...more, state }));
    }
    return await source.withWeights((weights) =>
      openTrainingStep(program, { ...more, state: initialTrainingState(program, { weights }) }),
    );
  } catch (error) {
    throw explainMemory(error, recipe);
  }
}
