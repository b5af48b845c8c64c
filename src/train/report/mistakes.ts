import type { Mistake } from "./data.ts";
import { markup, type Markup } from "./markup.ts";
import { thumbnailPicture } from "./thumbnail-picture.ts";

/** The images that the model was most sure of, and wrong. */
export function mistakeGallery(mistakes: readonly Mistake[], classes: readonly string[]): Markup | undefined {
  if (mistakes.length === 0) return undefined;
  return markup`<h3>Most confidently wrong</h3>
<p>A wrong label is found here as easily as a hard image.</p>
<ul class="gallery">${mistakes.map(
    ({ id, target, predicted, probability, thumbnail }) => markup`<li>
${thumbnailPicture(thumbnail, id)}
<b class="wrong"><span>${(100 * probability).toFixed(0)} %</span> <bdi>${classes[predicted]}</bdi></b>
<span class="right">is <bdi>${classes[target]}</bdi></span>
<small title="${id}"><bdi>${id}</bdi></small></li>`,
  )}</ul>`;
}
