import { TrainingError } from "../../core/index.ts";
import type { ModelDescription, ResNetConfig } from "../../nn/index.ts";
import { recipeKeys, type Recipe } from "../recipe/index.ts";
import type { DataRecord } from "./training-record.ts";

/** What has to be the same for a run to go on. */
export interface RunIdentity {
  readonly recipe: Recipe;
  readonly data: DataRecord;
  readonly config: ResNetConfig;
  readonly classes: ModelDescription["classes"];
}

/** Values that decide when something is saved, and nothing else. */
const free: ReadonlySet<keyof Recipe> = new Set(["saveMinutes", "checkpointEvery"]);

/**
 * Makes sure that a run goes on as it began.
 *
 * @param saved What the checkpoint says; `asked` is what the run is asked for now.
 * @throws TrainingError `train/other-run` that lists what differs.
 */
export function checkResume(saved: RunIdentity, asked: RunIdentity, checkpoint: string): void {
  const differences = [
    ...recipeKeys
      .filter((name) => !free.has(name))
      .flatMap((name) => difference(name, saved.recipe[name], asked.recipe[name])),
    ...difference("the network", saved.config, asked.config),
    ...difference("the classes", saved.classes, asked.classes),
    ...difference("the number of training images", saved.data.images, asked.data.images),
    ...difference(
      "the number of validation images",
      saved.data.validationImages,
      asked.data.validationImages,
    ),
    ...(saved.data.images === asked.data.images && saved.data.hash !== asked.data.hash
      ? ["the training images have other names or classes, or come in another order"]
      : []),
  ];
  if (differences.length === 0) return;
  throw new TrainingError(
    "train/other-run",
    `${checkpoint} is of another run:\n${differences.map((line) => `  ${line}`).join("\n")}\nResume with what the run began with, or begin a new one in another folder.`,
  );
}

const longest = 60;

function difference(name: string, saved: unknown, asked: unknown): string[] {
  const [was, is] = [JSON.stringify(saved), JSON.stringify(asked)];
  if (was === is) return [];
  const cut = (text: string): string => (text.length > longest ? `${text.slice(0, longest)}…` : text);
  return [`${name}: ${cut(was)} when it began, ${cut(is)} now`];
}
