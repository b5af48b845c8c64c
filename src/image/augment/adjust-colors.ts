import type { RgbImage } from "../rgb-image.ts";
import { blendProducts, blendTable, toByte } from "./blend.ts";
import { applyTable, identityTable, type ByteTable } from "./byte-table.ts";
import { greyWeights } from "./grey.ts";
import { rotateHue } from "./rotate-hue.ts";

/** One change of colours; a factor of 1, or 0 for hue, changes nothing. */
export interface ColorAdjustment {
  readonly property: "brightness" | "contrast" | "saturation" | "hue";
  readonly factor: number;
}

/**
 * Changes colours one after the other, byte for byte as torchvision does on Pillow images.
 *
 * Brightness and contrast are tables; they are composed, and applied by the next pass that has to be made over
 * the pixels anyhow.
 */
export function adjustColors(image: RgbImage, adjustments: readonly ColorAdjustment[]): RgbImage {
  let { data } = image;
  let table: ByteTable | undefined;
  for (const { property, factor } of adjustments) {
    if (property === "brightness") {
      table = compose(table, blendTable(0, factor));
    } else if (property === "contrast") {
      table = compose(table, blendTable(meanGrey(data, table ?? identityTable), factor));
    } else if (property === "saturation") {
      data = saturate(data, table ?? identityTable, factor);
      table = undefined;
    } else {
      data = rotateHue(table ? applyTable(data, table) : data, factor);
      table = undefined;
    }
  }
  return { ...image, data: table ? applyTable(data, table) : data };
}

function compose(first: ByteTable | undefined, second: ByteTable): ByteTable {
  return first ? first.map((value) => second[value]!) : second;
}

/** The rounded mean of the greys after `table`. */
function meanGrey(data: Uint8Array, table: ByteTable): number {
  const red = Int32Array.from(table, (value) => value * greyWeights.red + greyWeights.half);
  const green = Int32Array.from(table, (value) => value * greyWeights.green);
  const blue = Int32Array.from(table, (value) => value * greyWeights.blue);
  let sum = 0;
  for (let i = 0; i < data.length; i += 3) {
    sum += (red[data[i]!]! + green[data[i + 1]!]! + blue[data[i + 2]!]!) >> 16;
  }
  return Math.floor((3 * sum) / data.length + 0.5);
}

/** Blends every pixel after `table` with its grey. */
function saturate(source: Uint8Array, table: ByteTable, factor: number): Uint8Array {
  const data = new Uint8Array(source.length);
  const products = blendProducts(factor);
  const { red, green, blue, half } = greyWeights;
  for (let i = 0; i < source.length; i += 3) {
    const r = table[source[i]!]!;
    const g = table[source[i + 1]!]!;
    const b = table[source[i + 2]!]!;
    const grey = (r * red + g * green + b * blue + half) >> 16;
    const zero = 255 - grey;
    data[i] = toByte(Math.fround(grey + products[r + zero]!));
    data[i + 1] = toByte(Math.fround(grey + products[g + zero]!));
    data[i + 2] = toByte(Math.fround(grey + products[b + zero]!));
  }
  return data;
}
