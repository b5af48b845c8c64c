import type { Device } from "../../runtime/index.ts";
import { runOptions } from "./model-options.ts";
import type { OptionTable } from "./option.ts";
import { integer } from "./schemas.ts";

/** Where a training runs and how the machine is shared out. */
export interface TrainingOptions {
  readonly device: Device;
  readonly threads: number | undefined;
  readonly workers: number | undefined;
}

const group = "Execution:";

export const trainingOptions: OptionTable<TrainingOptions> = {
  device: { ...runOptions.device, group },
  threads: { ...runOptions.threads, about: "cores of a step (default: all)", group },
  workers: {
    flags: "--workers <count>",
    about: "threads that read and augment images (default: one a core, at most 8)",
    group,
    schema: integer(1, 256).optional(),
  },
};
