import { count, markup, thumbnailPicture, type Markup } from "../../report/elements.ts";
import { page } from "../../report/page.ts";
import { engineText, type EmbeddingEngine } from "../../train/index.ts";
import type { JudgedCounts } from "./judge-images.ts";
import type { Suggestion } from "./suggest-images.ts";

/** What a page of suggested images shows. */
export interface ContactSheet {
  /** The model that they were chosen with. */
  readonly model: string;
  readonly ranOn: EmbeddingEngine;
  readonly counts: JudgedCounts;
  readonly images: readonly SuggestedPicture[];
  /** What to do with them, a step each. */
  readonly steps: readonly Step[];
}

/** A suggestion and what is seen of it. */
export interface SuggestedPicture extends Pick<Suggestion, "classes" | "belongs"> {
  /** What the image is called. */
  readonly name: string;
  /** Path, for the pointer. */
  readonly id: string;
  /** A `data:` URL of a small JPEG, PNG or WebP; undefined for an image that cannot be read any more. */
  readonly thumbnail: string | undefined;
}

interface Step {
  readonly text: string;
  readonly command?: string | undefined;
}

/** A page of images to label next, complete in itself. */
export function contactSheet({ model, ranOn, counts, images, steps }: ContactSheet): string {
  const { labelled, none, unlabelled } = counts;
  const engine = engineText(ranOn);
  const refused = none === 0 ? "" : `, and ${count(none)} of none of them`;
  return page(
    "Label these next",
    markup`<header><h1>Label these next</h1>
<p>${count(images.length)} of ${count(unlabelled)} unlabelled images, chosen by <bdi>${model}</bdi>${engine === undefined ? "" : ` (on ${engine})`} and ${count(labelled)} labelled images${refused}: they are likely to show one of the classes, it is not clear which, and they do not look alike. The least certain come first.</p></header>
<section><h2>Images</h2>
${suggestionGallery(images)}</section>
<section><h2>What to do</h2>
${steps.map(
  ({ text, command }) =>
    markup`<p>${text}</p>${command === undefined ? undefined : markup`<pre>${command}</pre>`}
`,
)}</section>`,
    "pre { overflow: auto; padding: 10px 14px; border: 1px solid var(--line); border-radius: 8px; background: var(--raised); white-space: pre-wrap; overflow-wrap: anywhere; }",
  );
}

/** The images with what the classifier makes of them. */
export function suggestionGallery(images: readonly SuggestedPicture[]): Markup {
  return markup`<ul class="gallery">${images.map(
    ({ name, id, thumbnail, classes: [first, second], belongs }) => markup`<li>
${thumbnailPicture(thumbnail, id)}
<b><bdi>${first?.name}</bdi> ${whole(first?.probability)}</b>
<span class="right">or <bdi>${second?.name}</bdi> ${whole(second?.probability)}${belongs < 0.5 ? ", or none" : undefined}</span>
<small title="${id}"><bdi>${name}</bdi></small></li>
`,
  )}</ul>`;
}

const whole = (share = 0): string => `${(100 * share).toFixed(0)}\u00A0%`;
