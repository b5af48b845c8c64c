import { cropOnImage, type Preprocessing, type RgbImage } from "../../image/index.ts";
import { heatColour, type Rgb } from "./heat-colour.ts";
import type { HeatMap } from "./heat-map.ts";

/** Share of the picture that heat 0 and heat 1 cover. */
const [coolest, hottest] = [0.4, 0.7];
/** Brightness that is left of what the model does not see. */
const unseen = 0.45;

/**
 * Draws a heat map over the photograph that it explains.
 *
 * The photograph loses its colours, so that colour means heat; the map is interpolated bilinearly over the crop that
 * the model saw. What lies outside of it is darkened.
 *
 * @param preprocessing That of the model: it says where the crop lies.
 * @returns A picture of the photograph's size.
 */
export function overlayHeat(photo: RgbImage, map: HeatMap, preprocessing: Preprocessing): RgbImage {
  const { width, height } = photo;
  const crop = cropOnImage(photo, preprocessing);
  const columns = places(width, crop.left, crop.width, map.dims[1]);
  const rows = places(height, crop.top, crop.height, map.dims[0]);
  const data = new Uint8Array(width * height * 3);
  for (const [y, row] of rows.entries()) {
    for (const [x, column] of columns.entries()) {
      const at = 3 * (y * width + x);
      const grey = luma(photo.data, at);
      const heat = row && column ? interpolate(map, row, column) : undefined;
      const share = heat === undefined ? 0 : coolest + (hottest - coolest) * heat;
      const colour = heat === undefined ? undefined : palette[Math.round(heat * (palette.length - 1))]!;
      for (let c = 0; c < 3; c++) {
        data[at + c] = colour ? grey + share * (colour[c]! - grey) : grey * unseen;
      }
    }
  }
  return { width, height, data };
}

const palette: readonly Rgb[] = Array.from({ length: 256 }, (_, i) => heatColour(i / 255));

/** Two neighbours on an axis of the map, and how much the second counts. */
interface Place {
  readonly first: number;
  readonly second: number;
  readonly share: number;
}

/** Where the centre of each pixel lies on an axis of the map; undefined outside of the crop. */
function places(
  pixels: number,
  start: number,
  length: number,
  cells: number,
): readonly (Place | undefined)[] {
  return Array.from({ length: pixels }, (_, pixel) => {
    const along = (pixel + 0.5 - start) / length;
    if (along < 0 || along > 1) return undefined;
    // Cells have their values at their centres; beyond the outermost ones these go on.
    const position = Math.min(cells - 1, Math.max(0, along * cells - 0.5));
    const first = Math.floor(position);
    return { first, second: Math.min(first + 1, cells - 1), share: position - first };
  });
}

function interpolate({ dims, data }: HeatMap, row: Place, column: Place): number {
  const along = (y: number): number => {
    const start = y * dims[1];
    const [left, right] = [data[start + column.first]!, data[start + column.second]!];
    return left + column.share * (right - left);
  };
  const [upper, lower] = [along(row.first), along(row.second)];
  return upper + row.share * (lower - upper);
}

/** Brightness of a pixel by Rec. 601, as Pillow has it. */
function luma(data: Uint8Array, at: number): number {
  return 0.299 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]!;
}
