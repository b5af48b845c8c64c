/** Red, green and blue, each 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

/**
 * The colour of a heat from 0 to 1: from a dark violet over red and orange to a pale yellow.
 *
 * Lightness rises evenly, so that the order of heats is seen without telling hues apart and in print. The path is
 * an arc in Oklab (Ottosson 2020), whose lightness is the eye's.
 */
export function heatColour(heat: number): Rgb {
  const lightness = 0.25 + 0.68 * heat;
  // Little colour is within reach of a screen at both ends.
  const chroma = 0.07 + 0.13 * Math.sin(Math.PI * Math.min(1, 0.1 + 0.85 * heat));
  const hue = (Math.PI / 180) * (310 + 155 * heat);
  return fromOklab(lightness, chroma * Math.cos(hue), chroma * Math.sin(hue));
}

/** Oklab to 8-bit sRGB; what lies outside is clipped. */
function fromOklab(lightness: number, a: number, b: number): Rgb {
  const long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    encode(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
    encode(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
    encode(-0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short),
  ];
}

/** sRGB's transfer function, IEC 61966-2-1. */
function encode(linear: number): number {
  const value = linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
  return Math.round(255 * Math.min(1, Math.max(0, value)));
}
