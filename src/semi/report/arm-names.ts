import type { Arm } from "./data.ts";

type Kind = Exclude<Arm["kind"], "other">;

/** Arms as a reader meets them: what one would have done anyway, then the way to the outcome. */
const order: readonly Arm["kind"][] = ["supervised", "pretrained", "finetuned", "teacher", "other"];

const names: Readonly<Record<Kind, string>> = {
  supervised: "Supervised baseline",
  pretrained: "Pre-trained only",
  finetuned: "Fine-tuned student",
  teacher: "Teacher",
};

const summaries: Readonly<Record<Kind, string>> = {
  supervised: "labelled images only",
  pretrained: "selected images only",
  finetuned: "selected images, then labelled ones",
  teacher: "gave the selected images their labels",
};

/** An arm that has runs, with its words. */
export interface NamedArm extends Arm {
  readonly name: string;
  readonly summary: string;
}

/** The arms that have runs, in the order in which they are shown. */
export function shownArms(arms: readonly Arm[]): readonly NamedArm[] {
  return arms
    .filter(({ runs }) => runs.length > 0)
    .map((arm) => ({
      ...arm,
      name: arm.name ?? (arm.kind === "other" ? "Another arm" : names[arm.kind]),
      summary: arm.summary ?? (arm.kind === "other" ? "" : summaries[arm.kind]),
    }))
    .sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
}

/** Whether an arm is neither the outcome nor on the way to it, and no baseline. */
export const isOther = ({ kind }: Arm): boolean => kind === "other";

/** The runs of the arm of a kind; empty without such an arm. */
export function runsOf(arms: readonly Arm[], kind: Kind): Arm["runs"] {
  return arms.find((arm) => arm.kind === kind)?.runs ?? [];
}
