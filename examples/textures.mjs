import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { seededRandom } from "ssl-resnext/core";

/** Each pattern on a tile of 12 x 12 units. */
const tiles = {
  bricks: (ink) => `<path d="M0 0H12M0 6H12M3 0V6M9 6V12" stroke="${ink}" stroke-width="1.5"/>`,
  checks: (ink) => `<path d="M0 0H6V6H0ZM6 6H12V12H6Z" fill="${ink}"/>`,
  crosses: (ink) => `<path d="M6 2V10M2 6H10" stroke="${ink}" stroke-width="2"/>`,
  dots: (ink) => `<circle cx="6" cy="6" r="3.2" fill="${ink}"/>`,
  grid: (ink) => `<path d="M0 1H12M1 0V12" stroke="${ink}" stroke-width="2"/>`,
  hearts: (ink) => `<path d="M6 11C-2 5 1 1 3.5 1.5Q6 2 6 4Q6 2 8.5 1.5C11 1 14 5 6 11Z" fill="${ink}"/>`,
  rings: (ink) => `<circle cx="6" cy="6" r="3.8" stroke="${ink}" stroke-width="1.5" fill="none"/>`,
  stripes: (ink) => `<path d="M0 0H6V12H0Z" fill="${ink}"/>`,
  triangles: (ink) => `<path d="M6 1L11 10H1Z" fill="${ink}"/>`,
  waves: (ink) => `<path d="M0 6Q3 0 6 6T12 6" stroke="${ink}" stroke-width="2" fill="none"/>`,
};

export const textureNames = Object.keys(tiles);

/**
 * Draws pictures of one texture each, pale or dark, of any scale and direction, with the grain of a bad camera. The same
 * seed gives the same pictures.
 *
 * @param folder Gets a folder of PNGs for each texture, `count` pictures in all, `size` pixels wide and high.
 */
export async function drawTextures(folder, { count, seed, size = 24 }) {
  const random = seededRandom(seed);
  const drawn = Array.from({ length: count }, (_, index) => {
    const name = textureNames[index % textureNames.length];
    const number = String(index).padStart(5, "0");
    const path = join(folder, name, `${name}-${number}.png`);
    return { path, svg: picture(tiles[name], size, random), grain: random.integer(2 ** 31) };
  });
  for (const name of textureNames) await mkdir(join(folder, name), { recursive: true });
  const atOnce = 64;
  for (let start = 0; start < count; start += atOnce) {
    await Promise.all(
      drawn.slice(start, start + atOnce).map(async ({ path, svg, grain }) => {
        await writeFile(path, await developed(svg, seededRandom(grain)));
      }),
    );
  }
}

function picture(tile, size, random) {
  const between = (low, high) => low + (high - low) * random.uniform();
  const colour = (light) => `hsl(${between(0, 360)} ${between(0, 15)}% ${light}%)`;
  const unit = size / 24;
  const ground = between(55, 85);
  const ink = ground - between(20, 45);
  const place = `translate(${between(0, size)} ${between(0, size)}) rotate(${between(0, 360)}) scale(${unit * between(0.6, 1.2)} ${unit * between(0.6, 1.2)})`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}">
    <pattern id="p" width="12" height="12" patternUnits="userSpaceOnUse" patternTransform="${place}">${tile(colour(ink))}</pattern>
    <linearGradient id="g" gradientTransform="rotate(${between(0, 90)})">
      <stop stop-color="${colour(ground)}"/><stop offset="1" stop-color="${colour(ground + between(-10, 10))}"/>
    </linearGradient>
    <rect width="100%" height="100%" fill="url(#g)"/><rect width="100%" height="100%" fill="url(#p)"/></svg>`;
}

/** The picture with the grain of a bad camera. */
async function developed(svg, random) {
  const { data, info } = await sharp(Buffer.from(svg))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  for (let i = 0; i < data.length; i++) {
    data[i] = Math.max(0, Math.min(255, data[i] + 30 * (random.uniform() + random.uniform() - 1)));
  }
  return sharp(data, { raw: info }).png({ compressionLevel: 3 }).toBuffer();
}
