/**
 * Converts interleaved CMYK to RGB with Pillow's formula, without a colour profile: 255 - k - c·(255 - k)/255,
 * the product rounded.
 */
export function cmykToRgb(cmyk: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((cmyk.length / 4) * 3);
  for (let s = 0, o = 0; s < cmyk.length; s += 4) {
    const white = 255 - cmyk[s + 3]!;
    for (let c = 0; c < 3; c++) {
      // (product + 128 + (product + 128) / 256) / 256 is Pillow's rounded division by 255.
      const product = cmyk[s + c]! * white + 128;
      rgb[o++] = white - (((product >> 8) + product) >> 8);
    }
  }
  return rgb;
}
