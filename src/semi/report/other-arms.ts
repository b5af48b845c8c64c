import { markup, type Markup } from "../../train/report/index.ts";
import { armDots } from "./arm-dots.ts";
import { isOther } from "./arm-names.ts";
import type { Arm } from "./data.ts";

/** Variants, and the students of earlier rounds, beside the outcome and the baseline. */
export function otherArms(arms: readonly Arm[]): Markup | undefined {
  if (!arms.some((arm) => isOther(arm) && arm.runs.length > 0)) return undefined;
  const shown = arms.filter((arm) => isOther(arm) || arm.kind === "supervised" || arm.kind === "finetuned");
  return markup`<section><h2>What was tried besides</h2>
<p>What stands below a name is what differs; the student and its baseline are there to compare with.</p>
<div class="outcome">${armDots(shown)}</div></section>`;
}
