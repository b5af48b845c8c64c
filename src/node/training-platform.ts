import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TrainingPlatform } from "../train/platform.ts";
import { attempt } from "./files/file-system.ts";
import { thumbnail } from "./images/encode-image.ts";
import { machineFacts, peakMemory } from "./machine.ts";
import { packageVersion } from "./package-files.ts";
import { nodePlatform } from "./platform.ts";

/** What training needs of the world, in Node. */
export const nodeTrainingPlatform: TrainingPlatform = {
  ...nodePlatform,
  packageVersion,
  temporaryFolder: () => attempt(tmpdir(), () => mkdtemp(join(tmpdir(), "ssl-resnext-images-"))),
  thumbnail,
  machineFacts,
  peakMemory,
};
