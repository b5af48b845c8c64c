import { markup, type Markup } from "./markup.ts";

const imageData = /^data:image\/(jpeg|png|webp);base64,[A-Za-z0-9+/=]+$/;

/** A picture from a `data:` URL, or a field of its size that says that there is none. */
export function thumbnailPicture(thumbnail: string | undefined, alt: string): Markup {
  return thumbnail !== undefined && imageData.test(thumbnail)
    ? markup`<img src="${thumbnail}" alt="${alt}">`
    : markup`<div class="missing">no picture</div>`;
}
