import { axisOver, markup, percent, significant, type Markup } from "../../train/report/index.ts";
import { shownArms, type NamedArm } from "./arm-names.ts";
import type { Arm } from "./data.ts";
import { plusMinus, spread } from "./spread.ts";

/** The axis reaches at least so many points to each side, so that noise does not look like much. */
const leastReach = 2;

/** A line for each arm with a dot for each seed, a bar at their mean, and mean ± standard deviation beside it. */
export function armDots(arms: readonly Arm[]): Markup | undefined {
  const shown = shownArms(arms);
  if (shown.length === 0) return undefined;
  const values = shown.flatMap(({ runs }) => runs.map(({ top1 }) => top1));
  const middle = (Math.min(...values) + Math.max(...values)) / 2;
  const axis = axisOver([...values, Math.max(0, middle - leastReach), Math.min(100, middle + leastReach)]);
  const left = (value: number): string => ((100 * (value - axis.from)) / (axis.to - axis.from)).toFixed(2);
  const line = ({ kind, name, summary, runs }: NamedArm): Markup => {
    const reached = spread(runs.map(({ top1 }) => top1));
    return markup`<tr class="${kind}"><th scope="row">${name} <small>${summary}</small></th><td class="track" aria-hidden="true">
${runs.map(({ seed, top1 }) => markup`<i style="left:${left(top1)}%" title="seed ${seed}: ${percent(top1)}"></i>`)}<b style="left:${left(reached.mean)}%"></b></td>
<td class="value">${plusMinus(reached)} %</td></tr>
`;
  };
  return markup`<table class="dots">
<caption>Images right, in percent: <span class="key"><i></i> each run</span> <span class="key"><b></b> their mean</span></caption>
<colgroup><col class="name"><col><col class="value"></colgroup>
<thead class="unseen"><tr><th scope="col">trained on</th><td></td><th scope="col">right, mean ± standard deviation</th></tr></thead>
<tbody>${shown.map(line)}</tbody>
<tfoot aria-hidden="true"><tr><td></td><td class="track">${axis.ticks.map((tick) => markup`<span style="left:${left(tick)}%">${significant(tick)}</span>`)}</td><td></td></tr></tfoot>
</table>`;
}
